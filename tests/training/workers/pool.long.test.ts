import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ArgumentError, LambdamaxError } from '../../../errors.ts';
import { WorkerPool } from '../../../workers/pool.ts';
import { areGone, isAlive } from '../../cases/processes.ts';
import { module, type Result, type Setup, type Task } from '../../cases/taskWorker.ts';
import { throwsClearly } from '../../oracles/throws.ts';

const start = (count: number, setup: Setup = { factor: 3 }) =>
  WorkerPool.start<Setup, Task, Result, number>(count, { module, setup });
const scale = (entry: number): Task => ({ kind: 'scale', vector: Float32Array.of(entry), reports: 0 });

test('tasks are spread over processes of their own, and each result belongs to its task', async () => {
  await using pool = await start(2);
  const tasks = Array.from({ length: 9 }, (_, task) => task);
  const results = await Promise.all(tasks.map((task) => pool.run(scale(task))));
  assert.equal(
    results.map(({ vector }) => vector[0]),
    tasks.map((task) => 3 * task),
  );
  const pids = new Set(results.map(({ pid }) => pid));
  assert.equal(pids, new Set(pool.workers.map(({ pid }) => pid)));
  assert.is(pids.size, 2);
  assert.not(pids.has(process.pid));
});

test('vectors cross with their class and every bit, and progress comes in order before the result', async () => {
  await using pool = await start(1, { factor: 1 });
  const entries = [
    -0,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    5e-324,
    0.1,
    2 ** -149,
    ...new Array<number>(1e5).fill(1 / 3),
  ];
  for (const vector of [
    Float32Array.from(entries),
    Float64Array.from(entries),
    Float64Array.from(entries).subarray(1),
  ]) {
    const reports: number[] = [];
    const result = await pool.run({ kind: 'scale', vector, reports: 3 }, (step) => reports.push(step));
    assert.is(result.vector.constructor, vector.constructor);
    assert.is(result.vector.length, vector.length);
    assert.ok(result.vector.every((entry, index) => Object.is(entry, vector[index])));
    assert.equal(reports, [1, 2, 3]);
  }
});

test('what a task throws is thrown here, of the same kind and with the same words', async () => {
  await using pool = await start(1);
  const caught = async (what: 'lambdamax' | 'usage' | 'other') => {
    const [outcome] = await Promise.allSettled([pool.run({ kind: 'throw', what })]);
    return (outcome as PromiseRejectedResult).reason as Error;
  };
  const words = 'rank: expected 1 to 4, got [5]; lower it';
  const [ours, usage, other] = [await caught('lambdamax'), await caught('usage'), await caught('other')];
  assert.ok(ours instanceof LambdamaxError && !(ours instanceof ArgumentError));
  assert.ok(usage instanceof ArgumentError);
  assert.equal([ours.message, usage.message], [words, words]);
  assert.ok(!(other instanceof LambdamaxError));
  assert.is(other.message, 'x is no y');
  assert.match((other.cause as Error).stack!, /taskWorker/);
  await pool.run({ kind: 'return a function' }).then(
    () => assert.unreachable(),
    (error: Error) => assert.match(error.message, /could not be cloned/),
  );
  assert.is((await pool.run(scale(2))).vector[0], 6);
});

test('what a listener to progress throws is thrown by its task, and nowhere else; the others go on', async () => {
  await using pool = await start(2);
  const reason = new Error('nobody wants to know');
  const listened = pool.run({ kind: 'scale', vector: Float32Array.of(1), reports: 3 }, () => {
    throw reason;
  });
  const [outcome] = await Promise.allSettled([listened]);
  assert.is((outcome as PromiseRejectedResult).reason, reason);
  const results = await Promise.all([1, 2, 3].map((entry) => pool.run(scale(entry))));
  assert.is(new Set(results.map(({ pid }) => pid)).size, 1);
});

test('a worker that dies is an error that says how; the others go on, and after the last one every task fails', async () => {
  await using pool = await start(2);
  const waiting = pool.run({ kind: 'wait', milliseconds: 200 });
  const rest = [1, 2, 3].map((task) => pool.run(task === 1 ? { kind: 'kill' } : scale(task)));
  await throwsClearly(
    () => rest[0],
    /^worker process \d+: expected to go on working, got its end by SIGKILL; .*memory/,
  );
  assert.equal([(await rest[1]!).vector[0], (await rest[2]!).vector[0]], [6, 9]);
  await waiting;
  const last = [0, 1].map(() => pool.run({ kind: 'exit', words: 'bad\nnews' }));
  for (const task of last) await throwsClearly(() => task, /got exit code 7: bad news/);
  await throwsClearly(() => pool.run(scale(1)), /got exit code 7/);
});

test('a worker that dies between tasks gets none', async () => {
  await using pool = await start(2);
  const { pid } = pool.workers[0]!;
  process.kill(pid!, 'SIGKILL');
  assert.ok(await areGone([pid!]));
  await pause(50);
  assert.is((await pool.run(scale(5))).pid, pool.workers[1]!.pid);
});

test('a worker that gives no sign is named with what it works on, and ended in time; one that gives signs is left alone', async () => {
  const said: string[] = [];
  await using pool = await WorkerPool.start<Setup, Task, Result, number>(
    1,
    { module, setup: { factor: 3 } },
    {
      namedAfter: 2,
      endedAfter: 4,
      onSilence: (sentence) => said.push(sentence),
      wordsFor: ({ kind }) => `the ${kind} task`,
    },
  );
  const { pid } = pool.workers[0]!;
  // Longer than either, but never silent for so long.
  for (let round = 0; round < 5; round++) await pool.run({ kind: 'wait', milliseconds: 1000 });
  said.length = 0;
  const endless = pool.run({ kind: 'endless' });
  const next = pool.run(scale(1));
  const ended =
    /^worker process \d+: expected a sign within 4 s, got none from the endless task: it was ended; .*`endedAfter`/;
  await throwsClearly(() => endless, ended);
  await throwsClearly(() => next, ended);
  assert.equal(said, [`worker process ${pid} has given no sign for 2 s; it works on the endless task`]);
  assert.ok(await areGone([pid!]), 'it goes on alone');
});

test('one process does one task after another, and none after its release', async () => {
  const pool = await start(1);
  const [worker] = pool.workers;
  const done: number[] = [];
  const tasks = [20, 0, 5].map((milliseconds, index) =>
    worker!.run({ kind: 'wait', milliseconds }).then(() => done.push(index)),
  );
  await throwsClearly(() => worker!.run({ kind: 'throw', what: 'lambdamax' }), /^rank/);
  await Promise.all(tasks);
  assert.equal(done, [0, 1, 2]);
  const pid = worker!.pid!;
  const endless = pool.run({ kind: 'wait', milliseconds: 60_000 });
  const queued = pool.run(scale(1));
  const began = performance.now();
  await Promise.all([
    pool.release(),
    throwsClearly(() => endless, /expected to be used before it is released/),
    throwsClearly(() => queued, /expected to be used before it is released/),
  ]);
  assert.ok(performance.now() - began < 10_000, 'it waited for the task');
  await pool.release();
  assert.not(isAlive(pid));
  await throwsClearly(() => pool.run(scale(1)), /expected to be used before it is released/);
});

test('workers that cannot begin are an error, and leave no process', async () => {
  await throwsClearly(() => start(0), /^number of workers: expected a whole number from 1, got 0/);
  await throwsClearly(() => start(2, { factor: 1, fails: true }), /^model: expected a folder, got none/);
  const missing = WorkerPool.start(1, { module: `${module}.js`, setup: {} });
  await missing.then(
    () => assert.unreachable(),
    (error: Error) => assert.match(error.message, /Cannot find module/),
  );
  const other = new URL('../../oracles/throws.ts', import.meta.url).href;
  await throwsClearly(
    () => WorkerPool.start(1, { module: other, setup: {} }),
    /throws\.ts: expected a function createWorker, got undefined/,
  );
});

for (const signal of ['SIGKILL', 'SIGINT'] as const)
  test(`no worker outlives a process that ends by ${signal}`, async () => {
    const script = fileURLToPath(new URL('../../cases/workerParent.ts', import.meta.url));
    // A group of its own, as a terminal makes: Ctrl-C reaches all of it.
    const parent = spawn(process.execPath, ['--import', 'tsx', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
      detached: true,
    });
    const [printed] = (await once(parent.stdout!, 'data')) as [Buffer];
    const workers = printed.toString().trim().split(' ').map(Number);
    assert.ok(workers.length === 2 && workers.every(isAlive));
    const exited = once(parent, 'exit');
    process.kill(signal === 'SIGINT' ? -parent.pid! : parent.pid!, signal);
    const [code] = (await exited) as [number | null];
    assert.is(code, signal === 'SIGINT' ? 130 : null);
    assert.ok(await areGone(workers), `workers ${workers} are still there`);
  });

test.run();
