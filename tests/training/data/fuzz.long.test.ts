import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type RandomStream, randomStream } from '../../../compute/random.ts';
import { LambdamaxError } from '../../../errors.ts';
import { loadRows } from '../../../training/data/load.ts';
import { loadModel, type Model } from '../../../training/model.ts';
import { inTemporaryFolder } from '../../cases/temporaryFolder.ts';
import { storedReferenceRows } from '../../cases/tokenFiles.ts';
import { failsClearly } from '../../oracles/commands.ts';

const bundled = fileURLToPath(new URL('../../../fixtures/base', import.meta.url));

const texts = [
  { question: 'Ann has 3 apples. How many?', answer: 'Three.\n#### 3' },
  { instruction: 'Count to two.', input: '', output: 'one two' },
  { query: 'a \\u00e9 \u{1f600}', response: 'b' },
];
const tokens = storedReferenceRows();

/** Values that no data file should have where they are put. */
const strangers: readonly unknown[] = [
  ...[null, true, '', 'text', -1, 1.5, 1e300, 2 ** 31, -100, 96, 97],
  ...[[], [[]], {}, { input_ids: [] }, [null], ['1'], [1e9], '\ud800', '\0'],
];

/** A change of the text itself: cut, doubled, a character changed, put in or taken out. */
function mutatedText(text: string, random: RandomStream): Buffer {
  const bytes = Buffer.from(text);
  const at = random.integer(bytes.length);
  const to = at + random.integer(bytes.length - at + 1);
  const byte = Buffer.from([random.integer(256)]);
  const changed = [
    () => [bytes.subarray(0, at)],
    () => [bytes.subarray(0, to), bytes.subarray(at)],
    () => [bytes.subarray(0, at), byte, bytes.subarray(at + 1)],
    () => [bytes.subarray(0, at), byte, bytes.subarray(at)],
    () => [bytes.subarray(0, at), bytes.subarray(to)],
    () => [bytes.subarray(0, at), Buffer.from('{}[]",:\\-\n'.charAt(random.integer(10))), bytes.subarray(at + 1)],
  ];
  return Buffer.concat(changed[random.integer(changed.length)]!());
}

/** A change of what the rows hold: a field gone, another value in it, or another entry in its list. */
function mutatedRows(rows: readonly object[], random: RandomStream): Buffer {
  const changed = structuredClone(rows) as Record<string, unknown>[];
  const row = changed[random.integer(changed.length)]!;
  const field = Object.keys(row)[random.integer(Object.keys(row).length)]!;
  const stranger = strangers[random.integer(strangers.length)];
  const list = row[field];
  const kind = random.integer(4);
  if (kind === 0) delete row[field];
  else if (kind === 1 && Array.isArray(list)) list[random.integer(list.length)] = stranger;
  else if (kind === 2 && Array.isArray(list)) list.length = random.integer(list.length);
  else row[field] = stranger;
  return Buffer.from(changed.map((one) => `${JSON.stringify(one)}\n`).join(''));
}

/** Reads many mutations of a file; each must give rows, or one line that names the file. Returns how many gave rows. */
async function readMutations(
  model: Model,
  rows: readonly object[],
  { count, seed, extension }: { readonly count: number; readonly seed: number; readonly extension: string },
): Promise<number> {
  const lines = rows.map((row) => `${JSON.stringify(row)}\n`).join('');
  const text = extension === 'jsonl' ? lines : JSON.stringify(rows);
  let read = 0;
  await inTemporaryFolder(async (folder) => {
    for (let trial = 0; trial < count; trial++) {
      const random = randomStream(seed, `mutation ${trial}`);
      const path = join(folder, `rows.${extension}`);
      const ofText = extension === 'json' || trial % 2 === 0;
      await writeFile(path, ofText ? mutatedText(text, random) : mutatedRows(rows, random));
      try {
        await loadRows(model, [path], { maxLength: 64 });
        read++;
      } catch (error) {
        assert.instance(error, LambdamaxError, `mutation ${trial} of seed ${seed}: ${(error as Error).stack}`);
        const { message } = error as LambdamaxError;
        assert.ok(message.includes(path), message);
        assert.ok(!message.includes('\n') && message.length < 600, message);
        assert.not.match(message, /unexpected;|internal/);
      }
    }
  });
  return read;
}

for (const extension of ['jsonl', 'json'])
  for (const [kind, rows] of [
    ['text', texts],
    ['tokens', tokens],
  ] as const)
    test(`a thousand mutations of ${kind} in .${extension} give rows, or one line that names the file`, async () => {
      await using model = await loadModel(bundled, { threads: 1 });
      const read = await readMutations(model, rows, { count: 1000, seed: 4, extension });
      // Neither is a mutation always harmless nor the reader always against it.
      assert.ok(read > 20 && read < 980, `${read} were read`);
    });

test('finetune ends with one line on files that are no data', () =>
  inTemporaryFolder(async (folder) => {
    const command = ['finetune', '--method', 'lora', '--lr', '1e-3', '--steps', '1', '--data'];
    const nested = `${'['.repeat(20_000)}${']'.repeat(20_000)}`;
    const files = ['', '\n\n', '\0\0\0', 'PK\x03\x04', '[1, 2]', nested, `{"question": ${nested}, "answer": "b"}`];
    for (const [index, text] of files.entries()) {
      const path = join(folder, `${index}.jsonl`);
      await writeFile(path, text);
      await failsClearly([...command, path], 1, new RegExp(`${index}\\.jsonl`));
    }
  }));

test.run();
