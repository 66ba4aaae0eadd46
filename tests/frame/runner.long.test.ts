import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { areGone, childrenOf } from '../cases/processes.ts';
import { type FileOutcome, runFiles } from '../runner/testFiles.ts';

const pathOf = (name: string) => fileURLToPath(new URL(`../runner/examples/${name}.ts`, import.meta.url));

async function outcomesOf(names: readonly string[], processes: number, limit = 60) {
  const outcomes: FileOutcome[] = [];
  const onFile = (outcome: FileOutcome) => outcomes.push(outcome);
  await runFiles(names.map(pathOf), { processes, limit, onFile }, new AbortController().signal);
  return outcomes;
}
const counts = ({ total, passed, skipped }: FileOutcome) => [total, passed, skipped];

test('a file tells how many of its tests passed, and what the others failed of', async () => {
  const [passes, fails, failsBefore] = await outcomesOf(['passes', 'fails', 'failsBefore'], 1);
  assert.equal(
    [passes, fails, failsBefore].map((outcome) => counts(outcome!)),
    [
      [1, 1, 1],
      [2, 1, 0],
      [1, 0, 0],
    ],
  );
  assert.equal(
    [passes, fails, failsBefore].map((outcome) => outcome!.fault),
    [undefined, undefined, undefined],
  );
  assert.match(fails!.output, /FAIL.*one and one is three/);
  assert.not.match(passes!.output, /FAIL/);
});

test('a file that ends its process, cannot be imported or runs nothing is at fault, and the next ones are run', async () => {
  const names = ['exits', 'throwsOnImport', 'runsNothing', 'passes'];
  const outcomes = await outcomesOf(names, 1);
  assert.equal(
    outcomes.map(({ file }) => file),
    names.map(pathOf),
  );
  const [exits, throwsOnImport, runsNothing, passes] = outcomes;
  assert.is(exits!.fault, 'its process ended with code 0 before its tests did');
  assert.is(exits!.output, 'on the way out\n');
  assert.is(throwsOnImport!.fault, 'it ran no test');
  assert.match(throwsOnImport!.output, /^Error: not to be imported\n +at .*throwsOnImport\.ts/);
  assert.is(runsNothing!.fault, 'it ran no test');
  assert.equal(counts(passes!), [1, 1, 1]);
});

test('a file over its time, or that keeps its process from ending, is killed with all that it has started', async () => {
  const [hangs, leavesOpen, atTheEnd] = await outcomesOf(['hangs', 'leavesOpen'], 1, 3);
  assert.is(hangs!.fault, 'it took more than 3 s');
  const [, pid] = /child (\d+)/.exec(hangs!.output)!;
  assert.ok(await areGone([Number(pid)]));
  assert.equal(counts(leavesOpen!), [1, 1, 0]);
  assert.is(atTheEnd!.file, pathOf('leavesOpen'));
  assert.is(atTheEnd!.fault, 'it took more than 3 s');
});

test('what files write is not mixed where they run side by side', async () => {
  const outcomes = await outcomesOf(['fails', 'passes', 'failsBefore'], 2);
  for (const { file, output } of outcomes) assert.is(/FAIL/.test(output), file === pathOf('fails'));
  assert.is(outcomes.length, 3);
});

/** The command itself in a process of its own, on those of the examples that a pattern fits. */
function command(pattern: string) {
  const [script, folder] = ['run.ts', 'examples'].map((name) =>
    fileURLToPath(new URL(`../runner/${name}`, import.meta.url)),
  );
  const argv = ['--import', import.meta.resolve('tsx'), script!, pattern, '--folder', folder!];
  const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  return { child, closed: once(child, 'close') as Promise<[number | null, string | null]>, output: () => output };
}

test('the command sums up as uvu does, names the files that failed, and exits with 1 if any did', async () => {
  const good = command('^passes');
  assert.equal(await good.closed, [0, null]);
  assert.match(good.output(), /\n {2}Total: {5}1\n {2}Passed: {4}1\n {2}Skipped: {3}1\n {2}Duration: {2}[\d.]+ s\n/);
  const bad = command('^(passes|fails|exits)\\.');
  assert.equal(await bad.closed, [1, null]);
  // A file without an outcome is a test that failed.
  assert.match(bad.output(), /\n {2}Total: {5}4\n {2}Passed: {4}2\n/);
  assert.match(bad.output(), /\n {2}Failed:\n {4}exits\.ts\n {4}fails\.ts\n/);
  const none = command('no such file');
  assert.equal(await none.closed, [1, null]);
});

for (const signal of ['SIGINT', 'SIGTERM', 'SIGKILL'] as const)
  test(`${signal} to the command leaves no process behind`, async () => {
    const { child, closed } = command('^hangs');
    const started: number[] = [];
    while (started.length < 2) {
      await pause(100);
      started.splice(
        0,
        2,
        ...[child.pid!].flatMap((pid) => childrenOf(pid)).flatMap((pid) => [pid, ...childrenOf(pid, /setInterval/)]),
      );
    }
    child.kill(signal);
    assert.equal(await closed, signal === 'SIGKILL' ? [null, signal] : [128 + constants.signals[signal], null]);
    assert.ok(await areGone(started));
  });

test.run();
