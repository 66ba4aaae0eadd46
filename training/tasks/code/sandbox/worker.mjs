// The thread that sandbox.ts runs and, where a program does not end, kills. Plain JavaScript, since a worker thread knows
// nothing of tsx. Each message is a program, a list of scripts; the answer is null, or why it failed.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { parentPort, workerData } from 'node:worker_threads';
import variant from '@jitl/quickjs-ng-wasmfile-release-sync';
import { newQuickJSWASMModuleFromVariant, newVariant } from 'quickjs-emscripten-core';

const guest = readFileSync(new URL('./guest.js', import.meta.url), 'utf8');
const code = createRequire(import.meta.url).resolve('@jitl/quickjs-ng-wasmfile-release-sync/wasm');
const compiled = newVariant(variant, { wasmModule: await WebAssembly.compile(readFileSync(code)) });
const longestReason = 300;

/** @param {readonly string[]} scripts */
async function run(scripts) {
  // A WebAssembly instance of its own for every program: nothing that one did to its memory is there for the next.
  const quickJs = await newQuickJSWASMModuleFromVariant(compiled);
  const runtime = quickJs.newRuntime();
  runtime.setMemoryLimit(workerData.memoryBytes);
  runtime.setMaxStackSize(workerData.stackBytes);
  const context = runtime.newContext();
  const ours = runtime.newContext();
  const offered = ours.unwrapResult(ours.evalCode(guest, 'guest.js', { type: 'global' }));
  for (const name of ['require', 'console']) {
    // Neither configurable nor writable: a program cannot put its own in their place.
    context.defineProp(context.global, name, { value: ours.getProp(offered, name), configurable: false });
  }
  for (const script of scripts) {
    const reason = runScript(runtime, context, script);
    if (reason !== null) return reason;
  }
  return null;
}

function runScript(runtime, context, script) {
  const evaluated = context.evalCode(script, 'program.js', { type: 'global' });
  if (evaluated.error) return describe(context, evaluated.error);
  const jobs = runtime.executePendingJobs();
  if (jobs.error) return describe(context, jobs.error);
  const state = context.getPromiseState(evaluated.value);
  if (state.type === 'rejected') return describe(context, state.error);
  return state.type === 'pending' ? 'a promise that is never settled' : null;
}

/** What was thrown, in a line. The program made it, and may have made it badly. */
function describe(context, thrown) {
  const value = context.dump(thrown);
  const text = value && typeof value === 'object' ? `${value.name}: ${value.message}` : String(value);
  return text.slice(0, longestReason);
}

parentPort.on('message', async (scripts) => {
  try {
    parentPort.postMessage(await run(scripts));
  } catch (fault) {
    // A trap of WebAssembly or a full stack: the instance is left as it is.
    parentPort.postMessage(`${fault.name}: ${fault.message}`.slice(0, longestReason));
  }
});
parentPort.postMessage('ready');
