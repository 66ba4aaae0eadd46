import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readRows } from '../../../training/data/rows.ts';
import { inTemporaryFolder } from '../../cases/temporaryFolder.ts';
import { throwsClearly } from '../../oracles/throws.ts';

/** Reads files of the given names and contents. */
async function read(files: Readonly<Record<string, string>>, options?: { limit?: number }) {
  return inTemporaryFolder(async (folder) => {
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
    return readRows(
      Object.keys(files).map((name) => join(folder, name)),
      options,
    );
  });
}

test('files are read one after another, blank lines, line ends and byte order marks aside', async () => {
  const rows = await read({
    'a.jsonl': '\uFEFF{"n":1}\r\n\n  \n{"n":2}',
    'b.json': '\uFEFF[{"n":3}]',
    'c.JSONL': '{"n":4}\n',
  });
  assert.equal(rows, [{ n: 1 }, { n: 2 }, { n: 3 }, { n: 4 }]);
});

test('a line separator inside a text does not end the line', async () => {
  assert.equal(await read({ 'a.jsonl': '{"t":"a\u2028b"}\n{"t":"c"}\n' }), [{ t: 'a\u2028b' }, { t: 'c' }]);
});

test('the limit counts over all files, and what lies beyond it is not looked at', async () => {
  const files = { 'a.jsonl': '{"n":1}\n{"n":2}\n', 'b.jsonl': '{"n":3}\nbroken\n', 'c.txt': '' };
  assert.equal(await read(files, { limit: 3 }), [{ n: 1 }, { n: 2 }, { n: 3 }]);
  assert.equal(await read({ 'a.json': '[{"n":1}, {"n":2}, 3]' }, { limit: 2 }), [{ n: 1 }, { n: 2 }]);
});

const refused: readonly { file: string; text: string; message: RegExp }[] = [
  { file: 'a.jsonl', text: '{"n":1}\n\n{"n":\n', message: /a\.jsonl, line 3: expected valid JSON/ },
  { file: 'a.jsonl', text: '{"n":1}\n[1]\n', message: /a\.jsonl, line 2: expected an object, got \[1\]/ },
  { file: 'a.jsonl', text: 'null', message: /a\.jsonl, line 1: expected an object, got null/ },
  { file: 'a.jsonl', text: '', message: /a\.jsonl: expected at least one row/ },
  { file: 'a.jsonl', text: '\n \n', message: /a\.jsonl: expected at least one row/ },
  { file: 'a.json', text: '[]', message: /a\.json: expected at least one row/ },
  { file: 'a.json', text: '', message: /a\.json: expected valid JSON/ },
  { file: 'a.json', text: '{"n":1}', message: /a\.json: expected an array of rows/ },
  { file: 'a.json', text: '[{"n":1}, "x"]', message: /a\.json, row 2: expected an object, got x/ },
  { file: 'a.csv', text: 'n\n1\n', message: /a\.csv: expected a \.jsonl or \.json file, got \.csv/ },
  { file: 'a', text: '{}', message: /no extension/ },
];

for (const { file, text, message } of refused) {
  test(`${file} with ${JSON.stringify(text)} is refused`, () => throwsClearly(() => read({ [file]: text }), message));
}

test('a missing file and a folder are named', async () => {
  await throwsClearly(() => readRows(['none.jsonl']), /none\.jsonl.*no such file/);
  await throwsClearly(() => readRows(['none.json']), /none\.json.*no such file/);
  await inTemporaryFolder(async (folder) => {
    await mkdir(join(folder, 'f.jsonl'));
    await throwsClearly(() => readRows([join(folder, 'f.jsonl')]), /f\.jsonl.*a folder/);
  });
});

for (const limit of [0, -1, Number.NaN]) {
  test(`a limit of ${limit} rows is refused`, () =>
    throwsClearly(() => read({ 'a.jsonl': '{}' }, { limit }), /--limit/));
}

test.run();
