import { LambdamaxError } from '../../../errors.ts';
import { dataBytes } from './dataBytes.ts';

/** One JSON value of a file, not parsed. */
export interface JsonText {
  /** The line that it begins in, counted from 1. Lines end at a line feed alone, whatever else a text holds. */
  readonly line: number;
  readonly text: string;
  /** Whether the file ends with it, without a line feed. */
  readonly isLast: boolean;
}

/** How a file of JSON holds its rows: one a line, as one array, or as objects over several lines each. */
export type JsonForm = 'lines' | 'array' | 'objects';

const [lineFeed, quote, backslash, comma] = [0x0a, 0x22, 0x5c, 0x2c];
const [opening, closing] = [new Set([0x5b, 0x7b]), new Set([0x5d, 0x7d])];
const [openingBracket, openingBrace] = [0x5b, 0x7b];
const spaces = new Set([0x20, 0x09, 0x0d, lineFeed]);
const byteOrderMark = [0xef, 0xbb, 0xbf];

/** A text of more bytes is beyond V8. */
const mostBytes = 2 ** 29 - 24;

/**
 * How a file holds its rows, by its first characters; null if it has none but spaces. Objects over several lines, as printers for
 * people write them, begin with a line of their opening bracket alone.
 */
export async function jsonForm(file: string): Promise<JsonForm | null> {
  let isOpened = false;
  for await (const bytes of dataBytes(file)) {
    for (const byte of bytes) {
      if (isOpened && byte === lineFeed) return 'objects';
      if (spaces.has(byte) || byteOrderMark.includes(byte)) continue;
      if (isOpened || byte !== openingBrace) return !isOpened && byte === openingBracket ? 'array' : 'lines';
      isOpened = true;
    }
  }
  return isOpened ? 'lines' : null;
}

/** The lines of a file. Throws as {@link dataBytes}, and a LambdamaxError that names file and line for bytes that are no UTF-8. */
export async function* jsonLines(file: string): AsyncGenerator<JsonText> {
  let line = 1;
  let waiting: Uint8Array[] = [];
  for await (const chunk of dataBytes(file)) {
    let from = 0;
    for (let end = chunk.indexOf(lineFeed); end >= 0; end = chunk.indexOf(lineFeed, from)) {
      waiting.push(chunk.subarray(from, end));
      yield { line, text: decoded(file, line, waiting), isLast: false };
      line++;
      waiting = [];
      from = end + 1;
    }
    if (from < chunk.length) waiting.push(chunk.subarray(from));
  }
  if (waiting.length > 0) yield { line, text: decoded(file, line, waiting), isLast: true };
}

/**
 * The elements of the array that a file is, or the objects that it holds one after another: a file of any size is read, and of
 * one that is not read to its end only the beginning. Throws as {@link jsonLines}, and a LambdamaxError that names the line
 * where the array is broken.
 */
export async function* jsonValues(file: string, form: 'array' | 'objects'): AsyncGenerator<JsonText> {
  // How deep the values stand, and how deep the scan is: -1 before the array, and again behind it.
  const outer = form === 'array' ? 1 : 0;
  let depth = 0;
  let [line, start] = [1, 1];
  let [isText, isEscaped, isBegun, isAfterComma, isClosed] = [false, false, false, false, false];
  let parts: Uint8Array[] = [];
  const fault = (expected: string, got: string, remedy: string) =>
    new LambdamaxError({ subject: `${file}, line ${line}`, expected, got, remedy });
  for await (const chunk of dataBytes(file)) {
    let from = 0;
    const ended = (end: number): JsonText => {
      const bytes = [...parts, chunk.subarray(from, end)];
      [isBegun, parts] = [false, []];
      return { line: start, text: decoded(file, start, bytes), isLast: false };
    };
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at]!;
      if (byte === lineFeed) line++;
      if (isText) {
        if (isEscaped) isEscaped = false;
        else if (byte === backslash) isEscaped = true;
        else if (byte === quote) isText = false;
        continue;
      }
      if (spaces.has(byte) || (!isBegun && byteOrderMark.includes(byte))) continue;
      if (isClosed) throw fault('nothing behind the array', character(byte), 'give each array a file of its own');
      if (depth < outer) {
        depth++;
        continue;
      }
      if (form === 'array' && depth === outer && (byte === comma || closing.has(byte))) {
        if (isBegun) yield ended(at);
        else if (byte === comma || isAfterComma) throw fault('a row', character(byte), 'take the comma before it out');
        isAfterComma = byte === comma;
        isClosed = byte !== comma;
        continue;
      }
      if (!isBegun) [isBegun, from, start] = [true, at, line];
      if (byte === quote) isText = true;
      else if (opening.has(byte)) depth++;
      else if (closing.has(byte)) depth--;
      if (form === 'objects' && depth === outer) yield ended(at + 1);
    }
    if (isBegun) parts.push(chunk.subarray(from));
  }
  if (form === 'array' ? isClosed : !isBegun) return;
  throw fault(`${form === 'array' ? 'an array' : 'an object'} that is closed`, 'the end of the file', isCutOff);
}

/** What to do about a file that ends too early. */
export const isCutOff = 'the file may be cut off: get it anew';

const character = (byte: number): string => String.fromCharCode(byte);

function decoded(file: string, line: number, parts: readonly Uint8Array[]): string {
  const subject = `${file}, line ${line}`;
  const bytes = parts.length === 1 ? parts[0]! : Buffer.concat(parts);
  if (bytes.length > mostBytes)
    throw new LambdamaxError({
      ...{ subject, expected: 'a row of at most 512 MB', got: `${Math.round(bytes.length / 2 ** 20)} MB` },
      remedy: 'write one row a line',
    });
  try {
    // A byte order mark where files were joined is no part of the text.
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    const [place, byte] = wrongByte(bytes);
    throw new LambdamaxError({
      ...{ subject, expected: 'text in UTF-8', got: `the byte 0x${byte.toString(16)} behind ${JSON.stringify(place)}` },
      ...{ remedy: `if it is in Latin-1: iconv -f LATIN1 -t UTF-8 ${file} > rows.jsonl`, cause },
    });
  }
}

/** The first byte that is no UTF-8, and the text before it. */
function wrongByte(bytes: Uint8Array): [before: string, byte: number] {
  const text = new TextDecoder('utf-8').decode(bytes);
  let at = 0;
  for (let mark = text.indexOf('\ufffd'); mark >= 0; mark = text.indexOf('\ufffd', mark + 1)) {
    at = Buffer.byteLength(text.slice(0, mark), 'utf8');
    // Up to the first fault the text is as long in bytes as the file; a U+FFFD of the file's own is no fault.
    if (bytes[at] !== 0xef || bytes[at + 1] !== 0xbf || bytes[at + 2] !== 0xbd)
      return [text.slice(Math.max(0, mark - 20), mark), bytes[at]!];
  }
  return ['', bytes[at] ?? 0];
}
