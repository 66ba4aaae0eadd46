// The thread that sandbox.ts runs and, where a program does not end, kills. Plain JavaScript, since a worker thread knows
// nothing of tsx. Each message is a program and its tests; the answer is null, or why it failed.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { parentPort, workerData } from 'node:worker_threads';
import { QuickJS } from 'quickjs-wasi';

const prelude = ['guest.js', 'locked.js'].map((file) => readFileSync(new URL(file, import.meta.url), 'utf8'));
const wasm = await WebAssembly.compile(
  readFileSync(createRequire(import.meta.url).resolve('quickjs-wasi/quickjs.wasm')),
);
/** QuickJS asks whether to go on after so many calls and turns of loops. */
const operationsAnInterrupt = 10_000;
const bytesAPage = 65_536;
const longestReason = 300;

/** A realm with all that a program finds, from which each gets a copy, and the number of its `judge` in every copy. */
const { snapshot, judge } = await (async () => {
  const vm = await QuickJS.create({ wasm });
  moveStack(vm);
  vm.evalCode(prelude[0], 'guest.js');
  const handle = vm.evalCode(prelude[1], 'locked.js');
  return { judge: vm.exportHandle(handle), snapshot: vm.snapshot() };
})();

/**
 * Gives QuickJS a stack for recursion ten thousand calls deep, as in Node. The one that its binary is linked with ends after
 * some two thousand, so that the runtime is made anew on memory of its own.
 */
function moveStack({ exports }) {
  const { stackBytes } = workerData;
  exports.qjs_destroy();
  const start = exports.memory.grow(stackBytes / bytesAPage) * bytesAPage;
  exports.__stack_pointer.value = start + stackBytes;
  if (exports.qjs_init() !== 0) throw new Error('QuickJS cannot be started');
  // What is left below serves the functions of QuickJS itself that do not ask for room.
  exports.qjs_set_max_stack_size(stackBytes - 8 * bytesAPage);
}

/** @param {{ program: string, tests: readonly string[], own: readonly string[] }} message */
async function run({ program, tests, own }) {
  let [operations, isOver] = [0, false];
  const interruptHandler = () => {
    operations += operationsAnInterrupt;
    isOver ||= operations > workerData.operations;
    return isOver;
  };
  /** What promises were rejected with that nobody listens to, by the promises' places in memory. */
  const rejected = new Map();
  const onUnhandledRejection = (promise, thrown, isHandled) => {
    const place = promise.vm.exports.qjs_get_value_ptr(promise.ptr);
    if (isHandled) rejected.delete(place);
    // Held, so that no other promise gets its place.
    else rejected.set(place, { promise: promise.dup(), thrown: thrown.dup() });
  };
  // Memory of its own for every program: nothing that one did to its instance is there for the next.
  const limits = { memoryLimit: workerData.memoryBytes, interruptHandler, onUnhandledRejection };
  const vm = await QuickJS.restore(snapshot, { wasm, ...limits });
  /** Does one thing, and then what promises wait for; why it failed, or null. */
  const attempt = (action) => {
    try {
      const values = action();
      vm.executePendingJobs();
      if (isOver) throw new Error();
      const [first] = rejected.values();
      if (first !== undefined) return textOf(vm, first.thrown);
      const isPending = values.some((value) => value.isPromise && value.promiseState === 0);
      return isPending ? 'a promise that is never settled' : null;
    } catch (thrown) {
      return isOver ? `no end within ${workerData.operations} operations` : inWords(vm, thrown);
    }
  };
  const first = attempt(() => [vm.evalCode(program, 'program.js')]);
  if (first !== null) return first;
  for (const source of tests) {
    const reason = attempt(() => {
      const values = vm.callFunction(vm.importHandle(judge), vm.undefined, vm.newString(source), vm.hostToHandle(own));
      return Array.from({ length: vm.dump(values.getProp('length')) }, (_, index) => values.getProp(String(index)));
    });
    if (reason !== null) return reason;
  }
  return null;
}

/** What an evaluation threw, in a line. */
function inWords(vm, fault) {
  return fault.handle ? textOf(vm, fault.handle) : `${fault.name}: ${fault.message}`;
}

/** What a program threw, in a line. The program made it, and may have made it badly. */
function textOf(vm, thrown) {
  const words = (name) => vm.dump(thrown.getProp(name));
  return thrown.isObject ? `${words('name')}: ${words('message')}` : String(vm.dump(thrown));
}

parentPort.on('message', async (message) => {
  let reason;
  try {
    reason = await run(message);
  } catch (fault) {
    // A trap of WebAssembly or a full stack: the instance is left as it is.
    reason = `${fault.name}: ${fault.message}`;
  }
  parentPort.postMessage(reason?.slice(0, longestReason) ?? null);
});
parentPort.postMessage('ready');
