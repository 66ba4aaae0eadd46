import { mkdtemp, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { defaultSplits } from '../../training/tasks/splits.ts';
import { commandLine } from '../cases/commandLine.ts';
import { inTemporaryFolder } from '../cases/temporaryFolder.ts';
import { writeThreesTask } from '../cases/threesTask.ts';
import { failsClearly, resultOf } from '../oracles/commands.ts';

const linesOf = async (...options: string[]): Promise<string[]> => {
  const { code, stdout } = await commandLine(['data', ...options]);
  assert.is(code, 0);
  return stdout.trimEnd().split('\n');
};

test('fewer problems are the first of more, under either name of their number', async () => {
  const five = await linesOf('--task', 'math', '--count', '5', '--seed', '3');
  assert.is(five.length, 5);
  assert.equal(await linesOf('--task', 'math', '--limit', '3', '--seed', '3'), five.slice(0, 3));
  assert.not.equal(await linesOf('--task', 'math', '--count', '5', '--seed', '4'), five);
});

test('a split that is not told its size has the usual one, and shares no problem with another', () =>
  inTemporaryFolder(async (folder) => {
    const splits = await Promise.all(
      Object.values(defaultSplits).map(async ({ split, count }) => {
        const out = join(folder, `${split}.jsonl`);
        const { rows } = await resultOf<{ rows: number }>('data', '--task', 'math', '--split', split, '--out', out);
        assert.is(rows, count, split);
        const lines = (await readFile(out, 'utf8')).trimEnd().split('\n');
        return lines.map((line) => (JSON.parse(line) as { question: string }).question);
      }),
    );
    const all = splits.flat();
    assert.is(new Set(all).size, all.length);
  }));

test("a family of the user's own writes its problems as it makes them", () =>
  inTemporaryFolder(async (folder) => {
    const task = await writeThreesTask(folder);
    assert.equal(await linesOf('--task', task, '--split', 'validation', '--count', '2'), [
      '{"prompt":"validation 1 0","response":"3 3"}',
      '{"prompt":"validation 1 1","response":"3 3"}',
    ]);
  }));

test('what cannot be written is refused', () =>
  inTemporaryFolder(async (folder) => {
    await failsClearly(['data', '--count', '0'], 2, /--count: expected a whole number >= 1, got 0/);
    await failsClearly(['data', '--split', 'dev'], 2, /--split: expected one of train, validation, test, got dev/);
    await failsClearly(['data', '--task', 'maths'], 2, /--task: expected code, .*got maths/);
    const silent = await writeThreesTask(folder, 'generate: undefined,');
    await failsClearly(['data', '--task', silent], 1, /threes\.ts: expected problems of its own, got none/);
    const short = await writeThreesTask(
      await mkdtemp(join(folder, 'other-')),
      'generate: () => [{ prompt: "a", response: "b" }],',
    );
    await failsClearly(
      ['data', '--task', short, '--count', '2'],
      1,
      /threes\.ts: expected 2 problems .*\(train\), got 1/,
    );
  }));

test.run();
