import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { inTemporaryFolder } from '../cases/temporaryFolder.ts';
import { failsClearly, resultOf } from '../oracles/commands.ts';

interface Share {
  readonly value: number;
  readonly low: number;
  readonly high: number;
  readonly count: number;
}
interface Evaluation {
  readonly loss: number | null;
  readonly perplexity: number | null;
  readonly tokens: number;
  readonly rows: number;
  readonly accuracy: number;
  readonly accuracyInterval: readonly [number, number];
  readonly metric: string;
  readonly metrics: Readonly<Record<string, Share>>;
  readonly seconds: number;
  readonly rowLosses?: readonly number[] | null;
  readonly correct?: readonly boolean[];
  readonly responses?: readonly string[] | null;
}
const quick = ['--threads', '1', '--max-new-tokens', '24'];

test('a task of the little world needs no data, and its test split is the stored one', async () => {
  const drawn = await resultOf<Evaluation>('evaluate', '--task', 'math', '--limit', '20', '--per-row', ...quick);
  const stored = ['--data', 'fixtures/tasks/math-test.jsonl'];
  const read = await resultOf<Evaluation>(
    'evaluate',
    '--task',
    'math',
    ...stored,
    '--limit',
    '20',
    '--per-row',
    ...quick,
  );
  assert.equal({ ...read, seconds: 0 }, { ...drawn, seconds: 0 });
  assert.equal([read.rows, read.correct!.length, read.responses!.length, read.rowLosses!.length], [20, 20, 20, 20]);
  const [low, high] = read.accuracyInterval;
  assert.ok(low <= read.accuracy && read.accuracy <= high && high - low > 0.1);
  assert.equal(Object.keys(read.metrics), ['flexible', 'exact']);
});

test('the loss beside an accuracy is that of the rows alone', async () => {
  const data = ['--data', 'fixtures/tasks/math-test.jsonl', '--limit', '20', '--threads', '1'];
  const alone = await resultOf<Evaluation>('evaluate', ...data);
  const beside = await resultOf<Evaluation>('evaluate', '--task', 'math', '--exact', ...data);
  assert.equal([beside.loss, beside.tokens, beside.rows], [alone.loss, alone.tokens, alone.rows]);
  assert.equal(beside.metrics, {});
});

test("IFEval's rows have no loss", () =>
  inTemporaryFolder(async (folder) => {
    const data = join(folder, 'rows.jsonl');
    const row = { prompt: 'No commas, please.', instruction_id_list: ['punctuation:no_comma'], kwargs: [{}] };
    await writeFile(data, JSON.stringify(row));
    const result = await resultOf<Evaluation>('evaluate', '--task', 'instructions', '--data', data, ...quick);
    assert.equal([result.loss, result.perplexity, result.tokens, result.rows], [null, null, 0, 1]);
    assert.equal(Object.keys(result.metrics), ['promptLoose', 'instructionStrict', 'instructionLoose']);
  }));

test("a user's own family is a file", () =>
  inTemporaryFolder(async (folder) => {
    const family = join(folder, 'lengths.ts');
    await writeFile(
      family,
      `import type { TaskFamily } from 'lambdamax/training';
       const lengths: TaskFamily = {
         name: 'lengths', metric: 'short answers', template: '{prompt}', stop: ['.'],
         read: (row) => ({ prompt: String(row.text) }),
         judge: async (_, responses) => responses.map((response) => ({ correct: response.length < 1e6 })),
       };
       export default lengths;`,
    );
    const data = join(folder, 'rows.jsonl');
    await writeFile(data, '{ "text": "Ann has" }\n{ "text": "Ben has" }\n');
    const result = await resultOf<Evaluation>('evaluate', '--task', family, '--data', data, ...quick);
    assert.equal([result.accuracy, result.rows, result.metric], [1, 2, 'short answers']);
    await failsClearly(
      ['evaluate', '--task', family],
      1,
      /lengths\.ts: expected problems of its own, got none; .*--data/,
    );
    const other = join(folder, 'other.mjs');
    await writeFile(other, 'export default { metric: "a", template: "b", stop: [], read() {} };');
    await failsClearly(['evaluate', '--task', other, '--data', data], 1, /other\.mjs: .*function judge, a TaskFamily/);
  }));

test('wrong usage', async () => {
  await failsClearly(['evaluate', '--task', 'maths'], 2, /--task: expected code, commonsense, .*got maths/);
  await failsClearly(['evaluate', '--task', './none.ts'], 1, /--task \.\/none\.ts: expected a file/);
  await failsClearly(['evaluate', '--exact', '--data', 'rows.jsonl'], 2, /--exact: expected --task beside it/);
  await failsClearly(['evaluate', '--task', 'math', '--prompt-field', 'a'], 2, /--prompt-field beside --task/);
});

test('a row that is wrong is named with its file before the model is opened', () =>
  inTemporaryFolder(async (folder) => {
    const data = join(folder, 'rows.jsonl');
    await writeFile(data, '{ "question": "a", "answer": "#### 1" }\n{ "question": "a", "answer": "1" }\n');
    const argv = ['evaluate', '--task', 'math', '--data', data, '--model', 'no-such-model'];
    await failsClearly(argv, 1, /row 2 of .*rows\.jsonl: expected a final answer/);
  }));

test.run();
