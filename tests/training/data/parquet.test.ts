import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parquetRows } from '../../../training/data/files/parquet.ts';
import { readRows } from '../../../training/data/files/rows.ts';
import { inTemporaryFolder } from '../../cases/temporaryFolder.ts';
import { throwsClearly } from '../../oracles/throws.ts';

const table = (name: string) => new URL(`../../../fixtures/parquet/${name}.parquet`, import.meta.url).pathname;

test('a Parquet table of pyarrow has the rows that it was written with', async () => {
  const rows = await parquetRows(table('questions'));
  assert.equal(
    rows,
    Array.from({ length: 12 }, (_, n) => ({
      ...{ question: `What is ${n} plus ${n}?`, answer: `${n} and ${n} are ${2 * n}. Größe: ${2 * n}` },
      level: n,
    })),
  );
  // Over a row group's end, too.
  assert.equal(await parquetRows(table('questions'), 7), rows.slice(0, 7));
  assert.equal(
    (await readRows(table('questions'), { limit: 2 })).map(({ row, line }) => [row, line]),
    [
      [rows[0], 1],
      [rows[1], 2],
    ],
  );
});

test('lists and structures are what they are in JSON', async () => {
  const rows = await parquetRows(table('conversations'));
  assert.equal(
    rows,
    [0, 1, 2].map((n) => ({
      messages: [
        { role: 'user', content: `Say ${n}.` },
        { role: 'assistant', content: `${n}` },
      ],
      input_ids: [n, n + 1, n + 2],
      when: ['1970-01-01T00:00:00.000Z', null, '1970-01-02T00:00:00.000Z'][n],
    })),
  );
});

test('a table that is missing, cut off or none is named', () =>
  inTemporaryFolder(async (folder) => {
    await throwsClearly(() => readRows(join(folder, 'none.parquet')), /none\.parquet: expected a readable file/);
    const whole = await readFile(table('questions'));
    for (const [name, bytes] of [
      ['cut', whole.subarray(0, whole.length - 100)],
      ['empty', new Uint8Array()],
      ['text', Buffer.from('{"question": "a", "answer": "b"}\n')],
    ] as const) {
      const file = join(folder, `${name}.parquet`);
      await writeFile(file, bytes);
      await throwsClearly(() => readRows(file), new RegExp(`${name}\\.parquet: expected a Parquet table`));
    }
  }));

test.run();
