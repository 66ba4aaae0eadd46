/**
 * Ctrl-C at random moments of long stretches of JavaScript, and pairs of processes on one folder:
 * `node --import tsx tests/exchange/interrupts.ts MOMENTS PAIRS`, so many for each case. A second Ctrl-C comes 1.2 s after the first
 * if that has not ended the command. It must be gone 2 s later with all processes that it started, and leave nothing half-written.
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { ModelShape } from '../../bench/models.ts';
import { writeRandomCheckpoint } from '../../bench/randomCheckpoint.ts';
import { randomStream } from '../../compute/random.ts';
import { byteTokenizer } from '../cases/byteTokenizer.ts';
import { inTemporaryFolder } from '../cases/temporaryFolder.ts';
import { filesOf } from '../cases/tinyStudy.ts';
import { randomRows, referencePath, writeRows } from '../cases/tokenFiles.ts';

const [moments, pairs] = [Number(process.argv[2] ?? 2), Number(process.argv[3] ?? 2)];
const script = fileURLToPath(new URL('../../cli/lambdamax.mjs', import.meta.url));
const faults: string[] = [];
const secondAfter = 1200;
const mostSeconds = 2;
/** Latest moment of the first signal, in milliseconds. */
const latest = 10_000;

/** A command in a group of processes of its own, as a terminal makes one. */
function begin(command: readonly string[]) {
  const child = spawn(process.execPath, [script, ...command], { stdio: ['ignore', 'ignore', 'pipe'], detached: true });
  let words = '';
  child.stderr.on('data', (chunk) => {
    words += chunk;
  });
  const ended = once(child, 'close') as Promise<[code: number | null, signal: NodeJS.Signals | null]>;
  const interrupt = (): void => {
    try {
      process.kill(-child.pid!, 'SIGINT');
    } catch {
      // It has ended meanwhile.
    }
  };
  const isThere = (): boolean => {
    try {
      return process.kill(-child.pid!, 0);
    } catch {
      return false;
    }
  };
  return { ended, interrupt, isThere, words: () => words };
}

/** Why a file is not whole; undefined if it is. */
async function faultOf(path: string): Promise<string | undefined> {
  if (/\.unfinished-|\.lock/.test(path)) return undefined;
  const bytes = await readFile(path);
  try {
    if (path.endsWith('.json')) JSON.parse(bytes.toString());
    if (path.endsWith('.jsonl')) for (const line of bytes.toString().trimEnd().split('\n')) JSON.parse(line || '{}');
    if (!path.endsWith('.safetensors')) return undefined;
    const start = 8 + Number(bytes.readBigUInt64LE());
    const header = JSON.parse(bytes.subarray(8, start).toString()) as Record<string, { data_offsets?: number[] }>;
    const ends = Object.values(header).map((tensor) => tensor.data_offsets?.[1] ?? 0);
    return bytes.length === start + Math.max(0, ...ends) ? undefined : 'tensors are cut off';
  } catch (error) {
    return (error as Error).message;
  }
}

async function requireWhole(what: string, out: string): Promise<void> {
  for (const name of existsSync(out) ? await filesOf(out) : []) {
    const fault = await faultOf(join(out, name));
    if (fault !== undefined) faults.push(`${what}: ${name}: ${fault}`);
  }
}

/** Interrupts a command at random moments, and says how it ended. */
async function interrupted(name: string, command: (out: string) => readonly string[], folder: string): Promise<void> {
  const random = randomStream(0, `interrupts of ${name}`);
  let [byFirst, bySecond, before, worst] = [0, 0, 0, 0];
  for (let moment = 0; moment < moments; moment++) {
    const out = join(folder, `out-${moment}`);
    const milliseconds = Math.round(latest * random.uniform());
    const what = `${name}, interrupted after ${milliseconds} ms`;
    const { ended, interrupt, isThere, words } = begin([...command(out), '--out', out]);
    const within = (time: number) => Promise.race([ended, pause(time, 'late' as const, { ref: false })]);
    const early = await within(milliseconds);
    if (early !== 'late') {
      before++;
      if (early[0] !== 0) faults.push(`${what}: it had ended with ${early[0]}: ${words()}`);
      continue;
    }
    interrupt();
    if ((await within(secondAfter)) !== 'late') byFirst++;
    else {
      const began = performance.now();
      interrupt();
      await within(60_000);
      const seconds = (performance.now() - began) / 1000;
      worst = Math.max(worst, seconds);
      bySecond++;
      if (seconds > mostSeconds) faults.push(`${what}: ended ${seconds.toFixed(2)} s after the second signal`);
    }
    await pause(300);
    if (isThere()) faults.push(`${what}: a process is left`);
    await requireWhole(what, out);
  }
  const columns = [name.padEnd(34), moments, before, byFirst, bySecond, worst.toFixed(2)];
  process.stdout.write(`${columns.map((column) => String(column).padStart(8)).join('  ')}\n`);
}

/** Starts two processes at the same time on one folder: one does the work, and the other is refused. */
async function paired(name: string, command: readonly string[], result: string, folder: string): Promise<void> {
  let [locked, late] = [0, 0];
  for (let pair = 0; pair < pairs; pair++) {
    const out = join(folder, `pair-${pair}`);
    const both = [0, 1].map(() => begin([...command, '--out', out]));
    const codes = (await Promise.all(both.map(({ ended }) => ended))).map(([code]) => code);
    const what = `${name}, pair ${pair}`;
    const said = both.map(({ words }) => words());
    if (codes.toSorted().join() !== '0,1') faults.push(`${what}: exit codes ${codes}: ${said.join(' | ')}`);
    const refusal = said[codes.indexOf(1)] ?? '';
    if (/a lock of/.test(refusal)) locked++;
    else if (/without results of another run/.test(refusal)) late++;
    else faults.push(`${what}: says ${refusal}`);
    if (!existsSync(join(out, result))) faults.push(`${what}: no ${result}`);
    await requireWhole(what, out);
    if (existsSync(out) && (await filesOf(out)).some((file) => /\.unfinished-|\.lock/.test(file)))
      faults.push(`${what}: something is left`);
  }
  process.stdout.write(`${name.padEnd(34)}  ${pairs} pairs: ${locked} refused by the lock, ${late} by results\n`);
}

const small: ModelShape = {
  ...{ hidden: 16, intermediate: 16, layers: 1, heads: 2, vocabulary: 300, tied: true },
  ...{ rows: 1, length: 16, rank: 2 },
};

/** A small model with the byte tokenizer, changed as a stranger may. */
async function modelWith(folder: string, tokenizer: object, settings: object): Promise<string> {
  await writeRandomCheckpoint(folder, small);
  await writeFile(join(folder, 'tokenizer.json'), JSON.stringify({ ...byteTokenizer(), ...tokenizer }));
  await writeFile(join(folder, 'tokenizer_config.json'), JSON.stringify({ eos_token: '<eos>', ...settings }));
  return folder;
}

const training = ['--steps', '2000', '--lr', '1e-4', '--batch-size', '1', '--rank', '2', '--threads', '1'];
const finetune = (model: string, data: string, ...more: readonly string[]) => [
  ...['finetune', '--model', model, '--data', data, ...training, ...more],
];

await inTemporaryFolder(async (folder) => {
  const at = (name: string): string => join(folder, name);
  const titles = ['case'.padEnd(34), 'moments', 'done before', 'by first', 'by second', 'worst s after the second'];
  process.stdout.write(`${titles.join('  ')}\n`);
  if (moments > 0) {
    await writeRandomCheckpoint(at('wide'), { ...small, hidden: 2048, intermediate: 2048, layers: 2, heads: 16 });
    const tokens = await writeRows(folder, randomRows(4, 1));
    const milora = finetune(at('wide'), tokens, '--method', 'milora');
    await interrupted('milora, 14 matrices of width 2048', () => milora, at('milora'));

    const text = 'word after word and '.repeat(5e6);
    const long = await writeRows(folder, [{ prompt: 'Say: ', completion: text }], 'long.jsonl');
    const plain = await modelWith(at('plain'), {}, {});
    await interrupted(
      'a row of 100 MB',
      () => finetune(plain, long, '--max-length', '512', '--method', 'lora'),
      at('long'),
    );

    const loop = "{% for a in range(99999) %}{% for b in range(99999) %}{{ '' }}{% endfor %}{% endfor %}";
    const chat = await modelWith(at('chat'), {}, { chat_template: loop });
    const messages = ['user', 'assistant'].map((role) => ({ role, content: 'Hello' }));
    const talk = await writeRows(folder, [{ messages }], 'talk.jsonl');
    await interrupted('an endless chat template', () => finetune(chat, talk), at('talk'));

    const pattern = { type: 'Split', pattern: { Regex: '(?:a+)+b' }, behavior: 'Isolated', invert: false };
    const explosive = await modelWith(at('explosive'), { pre_tokenizer: pattern }, {});
    const many = await writeRows(folder, [{ prompt: 'a'.repeat(60), completion: 'c' }], 'many.jsonl');
    await interrupted('a regular expression that explodes', () => finetune(explosive, many), at('many'));
  }
  if (pairs > 0) {
    const model = ['--model', referencePath('models/llama')];
    const data = ['--data', await writeRows(folder, randomRows(4, 1))];
    const run = ['--method', 'lora', '--steps', '5', '--lr', '1e-3', '--rank', '2', '--threads', '1', '--quiet'];
    await paired(
      'finetune',
      ['finetune', ...model, ...data, ...run],
      'adapter/adapter_model.safetensors',
      at('finetune'),
    );
    const adapter = join(at('finetune'), 'pair-0', 'adapter');
    await paired('merge', ['merge', ...model, '--adapter', adapter], 'model.safetensors', at('merge'));
    const sizes = ['--hidden', '16', '--layers', '1', '--heads', '2', '--key-value-heads', '2', '--intermediate', '16'];
    const pretrain = [
      'pretrain',
      '--steps',
      '2',
      '--batch-size',
      '2',
      '--length',
      '16',
      '--vocabulary',
      '300',
      ...sizes,
    ];
    await paired('pretrain', pretrain, 'model.safetensors', at('pretrain'));
  }
});

for (const fault of faults) process.stdout.write(`${fault}\n`);
process.stdout.write(`${faults.length} faults\n`);
process.exitCode = faults.length > 0 ? 1 : 0;
