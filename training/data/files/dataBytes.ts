import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { LambdamaxError } from '../../../errors.ts';
import { fileFault, lfsPointer } from '../../checkpoint/files.ts';

/** A kind of file that is not text, by its first bytes. */
interface Foreign {
  readonly bytes: readonly number[];
  readonly kind: string;
  readonly remedy?: (file: string) => string;
}

/** How pandas writes JSON lines. */
export const asJsonLines = (reader: string) => (file: string) =>
  `turn it into JSON lines: python -c "import pandas; pandas.${reader}('${file}').to_json('rows.jsonl', ` +
  `orient='records', lines=True, force_ascii=False)"`;

const unpacked = (command: string) => () => `unpack it with ${command}, or use .gz`;
const recoded = (encoding: string) => (file: string) =>
  `turn it into UTF-8: iconv -f ${encoding} -t UTF-8 ${file} > rows.jsonl`;
const ascii = (text: string) => [...text].map((character) => character.charCodeAt(0));

const foreign: readonly Foreign[] = [
  { bytes: ascii(lfsPointer.start), kind: lfsPointer.kind, remedy: () => lfsPointer.remedy },
  { bytes: [0x50, 0x4b, 0x03, 0x04], kind: 'an Excel table or another zip file', remedy: asJsonLines('read_excel') },
  { bytes: [0xd0, 0xcf, 0x11, 0xe0], kind: 'an Excel table of the old kind', remedy: asJsonLines('read_excel') },
  { bytes: ascii('PAR1'), kind: 'a Parquet table', remedy: () => 'give it a name that ends in .parquet' },
  { bytes: ascii('ARROW1'), kind: 'an Arrow table', remedy: asJsonLines('read_feather') },
  {
    bytes: [0xff, 0xff, 0xff, 0xff],
    kind: 'a stream of Arrow',
    remedy: (file) =>
      `turn it into JSON lines: python -c "import datasets; datasets.Dataset.from_file('${file}').to_json('rows.jsonl')"`,
  },
  { bytes: [0x28, 0xb5, 0x2f, 0xfd], kind: 'a file packed by zstd', remedy: unpacked('zstd -d') },
  { bytes: ascii('BZh'), kind: 'a file packed by bzip2', remedy: unpacked('bunzip2') },
  { bytes: [0xfd, ...ascii('7zXZ')], kind: 'a file packed by xz', remedy: unpacked('unxz') },
  { bytes: [0xff, 0xfe, 0, 0], kind: 'text in UTF-32', remedy: recoded('UTF-32') },
  { bytes: [0, 0, 0xfe, 0xff], kind: 'text in UTF-32', remedy: recoded('UTF-32') },
  { bytes: [0xff, 0xfe], kind: 'text in UTF-16', remedy: recoded('UTF-16') },
  { bytes: [0xfe, 0xff], kind: 'text in UTF-16', remedy: recoded('UTF-16') },
  { bytes: [0x7b, 0], kind: 'text in UTF-16', remedy: recoded('UTF-16LE') },
  { bytes: [0, 0x7b], kind: 'text in UTF-16', remedy: recoded('UTF-16BE') },
  { bytes: ascii('<'), kind: 'a page of HTML or XML', remedy: () => 'download the file itself, not the page about it' },
];

const gzip = [0x1f, 0x8b];

/**
 * The bytes of a file of JSON in UTF-8, unpacked if gzip packed it, in pieces. Throws a LambdamaxError that names the file if it
 * cannot be read, and what it is if that is known to be something else.
 */
export async function* dataBytes(file: string): AsyncGenerator<Uint8Array> {
  const expected = 'a readable file';
  try {
    await requireFile(file);
    const head = await firstBytes(file);
    refuseForeign(file, head);
    const stream = createReadStream(file);
    if (!startsWith(head, gzip)) {
      yield* stream as AsyncIterable<Uint8Array>;
      return;
    }
    const unzipped = createGunzip();
    // Its failure is that of the loop below; a reader that stops early ends both.
    const piping = pipeline(stream, unzipped).catch(() => {});
    let isFirst = true;
    for await (const chunk of unzipped as AsyncIterable<Uint8Array>) {
      if (isFirst) refuseForeign(file, chunk);
      isFirst = false;
      yield chunk;
    }
    await piping;
  } catch (cause) {
    throw fileFault(
      file,
      (cause as NodeJS.ErrnoException).code?.startsWith('Z_') ? 'a whole gzip file' : expected,
      cause,
    );
  }
}

/** A pipe would be waited for, and is empty when it is read again. */
async function requireFile(file: string): Promise<void> {
  const found = await stat(file);
  if (found.isFile()) return;
  const got = found.isDirectory() ? 'a folder' : found.isFIFO() ? 'a pipe' : 'a device or socket';
  throw new LambdamaxError({
    ...{ subject: file, expected: 'a readable file', got },
    ...(found.isDirectory() ? {} : { remedy: 'write the rows into a file first' }),
  });
}

async function firstBytes(file: string): Promise<Uint8Array> {
  const handle = await open(file);
  try {
    const { buffer, bytesRead } = await handle.read(new Uint8Array(64), 0, 64, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}

function refuseForeign(file: string, head: Uint8Array): void {
  const found = foreign.find(({ bytes }) => startsWith(head, bytes));
  if (found === undefined) return;
  const { kind, remedy } = found;
  throw new LambdamaxError({
    ...{ subject: file, expected: 'JSON in UTF-8', got: kind },
    ...(remedy === undefined ? {} : { remedy: remedy(file) }),
  });
}

function startsWith(head: Uint8Array, bytes: readonly number[]): boolean {
  return bytes.every((byte, index) => head[index] === byte);
}
