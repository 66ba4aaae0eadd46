import { execFileSync } from 'node:child_process';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readRows } from '../../../training/data/files/rows.ts';
import { loadRows } from '../../../training/data/load.ts';
import { evaluate } from '../../../training/evaluate.ts';
import { loadModel } from '../../../training/model.ts';
import { bundledModel } from '../../../training/package.ts';
import { inTemporaryFolder } from '../../cases/temporaryFolder.ts';
import { throwsClearly } from '../../oracles/throws.ts';

type Content = string | Uint8Array;

/** Reads a file of this name and content. */
async function readPlaced(name: string, content: Content, options?: { limit?: number }) {
  return inTemporaryFolder(async (folder) => {
    await writeFile(join(folder, name), content);
    return readRows(join(folder, name), options);
  });
}

const read = async (name: string, content: Content, options?: { limit?: number }) =>
  (await readPlaced(name, content, options)).map(({ row }) => row);

const two = [{ n: 1 }, { n: 2 }];

const forms: Readonly<Record<string, string>> = {
  'an object a line': '{"n":1}\n{"n":2}\n',
  'blank lines, line ends of Windows and a byte order mark': '\uFEFF{"n":1}\r\n\n  \r\n{"n":2}',
  'byte order marks where files were joined': '\uFEFF{"n":1}\n\uFEFF{"n":2}\n',
  'an array': '[{"n":1},{"n":2}]',
  'an array of a line each': '\uFEFF[\r\n  {"n": 1},\n  {"n": 2}\n]\n',
  'objects over several lines': '{\n  "n": 1\n}\n{\n  "n": 2\n}\n',
};

for (const [form, text] of Object.entries(forms))
  test(`${form} is read under .jsonl, .json and .gz alike`, async () => {
    for (const name of ['a.jsonl', 'a.JSON', 'a.json']) {
      assert.equal(await read(name, text), two, name);
      assert.equal(await read(`${name}.gz`, gzipSync(text)), two, `${name}.gz`);
    }
    assert.equal(await read('a.jsonl', gzipSync(text)), two, 'packed under its old name');
  });

test('only a line feed ends a line', async () => {
  const texts = ['\u2028', '\u2029', '\u0085', '\v', '\f', '\x1c'].map((end) => `a${end}b`);
  // JSON allows these as they are, but for control characters.
  const lines = texts.map((t, index) => (index < 3 ? `{"t":"${t}"}` : JSON.stringify({ t }))).join('\n');
  assert.equal(
    await readPlaced('a.jsonl', lines),
    texts.map((t, index) => ({ row: { t }, line: index + 1 })),
  );
});

test('brackets, quotes and backslashes within texts hold no rows', async () => {
  const rows = [{ t: ']}[{",\\' }, { t: '\\"]', u: [{ v: ['"'] }, {}] }, {}];
  assert.equal(await read('a.json', JSON.stringify(rows)), rows);
  assert.equal(await read('a.json', JSON.stringify(rows, null, 2)), rows);
});

test('rows are the same however the bytes come in pieces', async () => {
  // More than the 64 KB that are read at once, with characters of two to four bytes across the ends.
  const rows = Array.from({ length: 3000 }, (_, n) => ({ n, t: 'é€😀'.repeat(n % 13) }));
  assert.equal(await read('a.json', JSON.stringify(rows)), rows);
  const lines = rows.map((row) => JSON.stringify(row)).join('\n');
  assert.equal(await read('a.jsonl', lines), rows);
  assert.equal(await read('a.jsonl.gz', gzipSync(lines)), rows);
});

test('each row has the line that it begins in', async () => {
  const lines = async (name: string, text: string) => (await readPlaced(name, text)).map(({ line }) => line);
  assert.equal(await lines('a.jsonl', '\n{"n":1}\n\n{"n":2}\n'), [2, 4]);
  assert.equal(await lines('a.json', '[\n{\n"n":1},\n\n  {"n":2}]'), [2, 5]);
});

test('what lies behind the limit is not looked at', async () => {
  for (const text of ['{"n":1}\n{"n":2}\nbroken\n', '[{"n":1}, {"n":2}, 3', '{\n"n":1}\n{"n":2}\n{'])
    assert.equal(await read('a.json', text, { limit: 2 }), two);
  const whole = gzipSync('{"n":1}\n{"n":2}\n{"n":3}\n'.repeat(50_000), { level: 0 });
  assert.equal(await read('a.jsonl.gz', whole.subarray(0, whole.length / 2), { limit: 2 }), two);
});

test('a row of a file that is read far enough has the loss of the file in any form', async () => {
  const rows = [
    { question: 'Anna has 3 pens and\u2028buys 4 more. How many pens has she?', answer: '3+4=7 pens.\n#### 7' },
    { question: 'Ben has 5 cups. He loses 2. How many are left?', answer: '5-2=3 are left.\n#### 3' },
  ];
  const lines = rows.map((row) => JSON.stringify(row)).join('\n');
  await using model = await loadModel(bundledModel(), { threads: 1 });
  await inTemporaryFolder(async (folder) => {
    const lossOf = async (name: string, content: Content, limit = 2) => {
      const file = join(folder, name);
      await writeFile(file, content);
      return (await evaluate(model, (await loadRows(model, [file], { maxLength: 512, limit })).rows)).loss.toFixed(5);
    };
    // As Dataset.to_json writes them, a line separator within a text left as it is; the value is transformers' of the rows.
    assert.is(await lossOf('lines_in.json', lines), '5.76105');
    assert.is(await lossOf('a.jsonl.gz', gzipSync(lines)), '5.76105');
    assert.is(await lossOf('array.json', `[${lines.replace('\n', ',')}, 3`), '5.76105');
    assert.is(await lossOf('utf8.jsonl', '{"question":"café?","answer":"#### 7"}'), '9.54906');
  });
});

const utf16 = (text: string) => Buffer.from(text, 'utf16le');
const latin1 = (text: string) => Buffer.from(text, 'latin1');

const refused: readonly { file: string; content: Content; message: RegExp }[] = [
  { file: 'a.jsonl', content: '{"n":1}\n\n{"n":\n', message: /a\.jsonl, line 3: expected valid JSON/ },
  { file: 'a.jsonl', content: '{"n":1}\n[1]\n', message: /a\.jsonl, line 2: expected an object, got \[1\]/ },
  { file: 'a.jsonl', content: 'null', message: /a\.jsonl, line 1: expected an object, got null/ },
  { file: 'a.jsonl', content: '', message: /a\.jsonl: expected at least one row, got none/ },
  { file: 'a.jsonl', content: '\n \n', message: /a\.jsonl: expected at least one row/ },
  { file: 'a.json', content: '[]', message: /a\.json: expected at least one row/ },
  { file: 'a.json', content: '\uFEFF', message: /a\.json: expected at least one row/ },
  { file: 'a.json', content: '[{"n":1}, "x"]', message: /a\.json, row 2 \(line 1\): expected an object, got x/ },
  { file: 'a.json', content: '[{"n":1},\n{"n":}]', message: /a\.json, row 2: expected valid JSON/ },
  { file: 'a.json', content: '[{"n":1},\n]', message: /a\.json, line 2: expected a row, got \]; take the comma/ },
  { file: 'a.json', content: '[{"n":1},,{"n":2}]', message: /a\.json, line 1: expected a row, got ,/ },
  {
    file: 'a.json',
    content: '[{"n":1}]\n[{"n":2}]',
    message: /a\.json, line 2: expected nothing behind the array, got \[/,
  },
  // Files that end too early.
  { file: 'a.jsonl', content: '{"n":1}\n{"n":"ab', message: /a\.jsonl, line 2: expected valid JSON.*cut off/ },
  {
    file: 'a.json',
    content: '[{"n":1},\n{"n":',
    message: /a\.json, line 2: expected an array that is closed.*cut off/,
  },
  { file: 'a.json', content: '{\n"n": [1,', message: /a\.json, line 2: expected an object that is closed.*cut off/ },
  {
    file: 'a.jsonl.gz',
    content: gzipSync('{"n":1}\n').subarray(0, 20),
    message: /a\.jsonl\.gz: expected a whole gzip file/,
  },
  // Bytes that are no UTF-8.
  {
    file: 'a.jsonl',
    content: latin1('{"n":1}\n{"n":"café"}\n'),
    message: /a\.jsonl, line 2: .*UTF-8, got the byte 0xe9 .*iconv/,
  },
  {
    file: 'a.json',
    content: latin1('[{"n":1},\n{"n":"\xfcber"}]'),
    message: /a\.json, line 2: .*UTF-8, got the byte 0xfc/,
  },
  { file: 'a.jsonl.gz', content: gzipSync(latin1('{"n":"\xa0"}')), message: /a\.jsonl\.gz, line 1: .*the byte 0xa0/ },
  {
    file: 'a.jsonl',
    content: Buffer.concat([Buffer.from('{"n":"\ufffd\u20ac'), latin1('\x80"}')]),
    message: /byte 0x80/,
  },
  { file: 'a.jsonl', content: Buffer.concat([Buffer.from('{"n":"'), latin1('\xed\xa0\x80"}')]), message: /byte 0xed/ },
  {
    file: 'a.jsonl',
    content: '{"n":"\\ud83d!"}',
    message: /line 1: expected texts of Unicode, got half of a surrogate pair/,
  },
  {
    file: 'a.jsonl',
    content: utf16('\uFEFF{"n":1}\n'),
    message: /a\.jsonl: expected JSON in UTF-8, got text in UTF-16; .*iconv/,
  },
  { file: 'a.jsonl', content: utf16('\uFEFF{"n":1}').swap16(), message: /text in UTF-16/ },
  { file: 'a.jsonl', content: utf16('{"n":1}'), message: /text in UTF-16/ },
  { file: 'a.jsonl.gz', content: gzipSync(utf16('\uFEFF{"n":1}')), message: /text in UTF-16/ },
  // What Python writes where JSON has nothing for it, and what several readers take differently.
  {
    file: 'a.jsonl',
    content: '{"n":1}\n{"n": NaN}',
    message: /line 2: expected valid JSON.*JSON has no NaN: write null/,
  },
  { file: 'a.json', content: '[{"n": -Infinity}]', message: /row 1: expected valid JSON.*write null/ },
  { file: 'a.jsonl', content: "{'n': 1}\n", message: /line 1: .*Python prints a dict/ },
  { file: 'a.jsonl', content: '{"n":1},\n{"n":2}\n', message: /line 1: .*no commas between them/ },
  {
    file: 'a.jsonl',
    content: '{"n":1}\n{"n":1,"m":2,"n":3}',
    message: /line 2: expected each field once, got n twice/,
  },
  { file: 'a.jsonl', content: '{"m":[{"role":"a","role":"b"}]}', message: /got role twice/ },
  // Tables as one object.
  {
    file: 'a.json',
    content: '{"data":[{"n":1}]}',
    message: /a\.json: expected rows, got one object .* field data; .*jq/,
  },
  { file: 'a.json', content: '{\n"version": 1,\n"rows":\n[{"n":1}]}', message: /field rows/ },
  {
    file: 'a.json',
    content: '{"q":{"0":"a","1":"b"},"a":{"0":"c","1":"d"}}',
    message: /object of columns q, a; .*orient/,
  },
  { file: 'a.json', content: '{"q":["a","b"],"a":["c","d"]}', message: /object of columns q, a/ },
  { file: 'a.json', content: '{"columns":["q"],"index":[0],"data":[["a"]]}', message: /object of columns/ },
  // Other kinds of file.
  {
    file: 'a.jsonl',
    content: 'version https://git-lfs.github.com/spec/v1\noid sha256:0\n',
    message: /Git LFS pointer; run git lfs pull/,
  },
  { file: 'a.jsonl', content: latin1('PK\x03\x04abc'), message: /an Excel table or another zip file; .*read_excel/ },
  {
    file: 'a.xlsx',
    content: latin1('PK\x03\x04abc'),
    message: /a\.xlsx: expected a \.jsonl or \.json file.*read_excel/,
  },
  { file: 'a.json', content: latin1('\xd0\xcf\x11\xe0'), message: /an Excel table of the old kind/ },
  { file: 'a.json', content: 'PAR1', message: /a Parquet table; give it a name that ends in \.parquet/ },
  { file: 'a.parquet', content: 'PAR1', message: /a\.parquet: expected .*a Parquet table/ },
  { file: 'a.arrow', content: '', message: /a\.arrow: expected/ },
  { file: 'a.jsonl', content: 'ARROW1', message: /an Arrow table/ },
  { file: 'a.jsonl', content: latin1('\x28\xb5\x2f\xfd'), message: /packed by zstd; unpack it/ },
  { file: 'a.json', content: '<!DOCTYPE html><html>', message: /a page of HTML/ },
  { file: 'a.csv', content: 'n\n1\n', message: /a\.csv: expected a \.jsonl or \.json file.*got \.csv; .*read_csv/ },
  { file: 'a.csv.gz', content: gzipSync('n\n1\n'), message: /a\.csv\.gz: .*got \.csv/ },
  { file: 'a', content: '{}', message: /no extension/ },
];

for (const { file, content, message } of refused)
  test(`${file} is refused: ${message.source}`, () => throwsClearly(() => read(file, content), message));

test('a single row is none of these tables', async () => {
  for (const row of [
    { messages: [{ role: 'user', content: 'a' }] },
    { input_ids: [1, 2], labels: [1, 2] },
    { question: 'a', answer: 'b', data: ['x'] },
    { prompt: ['a'] },
  ])
    assert.equal(await read('a.json', JSON.stringify(row)), [row]);
});

test('what is no file to read is named', async () => {
  await throwsClearly(() => readRows('none.jsonl'), /none\.jsonl.*no such file/);
  await throwsClearly(() => readRows('none.json'), /none\.json.*no such file/);
  await inTemporaryFolder(async (folder) => {
    const at = (name: string) => join(folder, name);
    await mkdir(at('f.jsonl'));
    await throwsClearly(() => readRows(at('f.jsonl')), /f\.jsonl.*a folder/);
    await symlink(at('l.jsonl'), at('l.jsonl'));
    await throwsClearly(() => readRows(at('l.jsonl')), /l\.jsonl.*a loop of symbolic links/);
    if (process.platform === 'win32') return;
    execFileSync('mkfifo', [at('p.jsonl')]);
    await throwsClearly(() => readRows(at('p.jsonl')), /p\.jsonl: expected a readable file, got a pipe/);
  });
});

for (const limit of [0, -1, Number.NaN])
  test(`a limit of ${limit} rows is refused`, () =>
    throwsClearly(() => read('a.jsonl', '{}', { limit }), /limit: expected/));

test.run();
