import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { LambdamaxError } from '../../errors.ts';
import { type Content, writeWhole } from './wholeFile.ts';

/** What the codes of the operating system mean, in the words of an error message. */
const faults: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or folder',
  EEXIST: 'a file',
  EACCES: 'no permission',
  EPERM: 'no permission',
  EISDIR: 'a folder',
  ENOTDIR: 'a path through something that is not a folder',
  EROFS: 'a read-only file system',
  ENOSPC: 'a full disk',
  EDQUOT: 'a quota that is used up',
  EFBIG: 'a limit on the size of files',
  ELOOP: 'a loop of symbolic links',
  EIO: 'a fault of the disk',
  ENAMETOOLONG: 'a name that is too long',
};

/** The fault of the operating system at `path` as the project's own error. An error that is one already stays as it is. */
export function fileFault(path: string, expected: string, cause: unknown): LambdamaxError {
  if (cause instanceof LambdamaxError) return cause;
  const { code, message } = cause as NodeJS.ErrnoException;
  return new LambdamaxError({ subject: path, expected, got: faults[code ?? ''] ?? message, cause });
}

/** Makes a folder, and those above it, unless it is there. Throws a LambdamaxError that names the path. */
export async function makeFolder(path: string, expected = 'a writable folder'): Promise<void> {
  try {
    await makeFolders(path);
  } catch (cause) {
    throw fileFault(path, expected, cause);
  }
}

/** Node's own recursive `mkdir` never returns where a file system says "no such file" to every new folder, as /proc does. */
async function makeFolders(path: string): Promise<void> {
  const there = await statOrNull(path);
  if (there?.isDirectory()) return;
  if (there === null && dirname(path) !== path) await makeFolders(dirname(path));
  try {
    await mkdir(path);
  } catch (error) {
    // Another process may have been quicker.
    if (!(await statOrNull(path))?.isDirectory()) throw error;
  }
}

async function statOrNull(path: string) {
  return stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
}

/** How the small text begins that Git LFS leaves in a file's place until the file itself is fetched. */
export const lfsPointer = {
  start: 'version https://git-lfs',
  kind: 'a Git LFS pointer',
  remedy: 'run git lfs pull',
} as const;

/** Throws a LambdamaxError that names the path if a file's first bytes are those of a Git LFS pointer. */
export function refuseLfsPointer(path: string, start: Uint8Array): void {
  if (!new TextDecoder('latin1').decode(start).startsWith(lfsPointer.start)) return;
  const { kind: got, remedy } = lfsPointer;
  throw new LambdamaxError({ subject: path, expected: 'the file itself', got, remedy });
}

/** The text of a UTF-8 file, without a byte order mark. Throws a LambdamaxError that names the path, also for other bytes. */
export async function readText(path: string): Promise<string> {
  try {
    const bytes = await readFile(path);
    refuseLfsPointer(path, bytes.subarray(0, lfsPointer.start.length));
    return utf8(path, bytes);
  } catch (cause) {
    throw fileFault(path, 'a readable file', cause);
  }
}

/** Node itself would read other bytes as U+FFFD. */
function utf8(path: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ERR_ENCODING_INVALID_ENCODED_DATA') throw cause;
    const remedy = 'turn it into UTF-8 with iconv';
    throw new LambdamaxError({ subject: path, expected: 'text in UTF-8', got: 'other bytes', remedy, cause });
  }
}

/** The SHA-256 of a file's bytes, hexadecimal. Throws a LambdamaxError that names the path. */
export async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  try {
    for await (const chunk of createReadStream(path)) hash.update(chunk);
  } catch (cause) {
    throw fileFault(path, 'a readable file', cause);
  }
  return hash.digest('hex');
}

/** The value in a JSON file. Throws a LambdamaxError that names the path, also where the text is not JSON. */
export async function readJson(path: string): Promise<unknown> {
  const text = await readText(path);
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new LambdamaxError({ subject: path, expected: 'valid JSON', got: (cause as Error).message, cause });
  }
}

/** Writes JSON as Hugging Face does (indented by two, a newline at the end): whole, or not at all. */
export function writeJson(path: string, value: unknown): Promise<void> {
  return writeFileWhole(path, `${JSON.stringify(value, null, 2)}\n`);
}

/** Writes a file whole or not at all, as `writeWhole`. Throws a LambdamaxError that names the path. */
export async function writeFileWhole(path: string, content: Content): Promise<void> {
  try {
    await writeWhole(path, content);
  } catch (cause) {
    throw fileFault(path, 'a writable file', cause);
  }
}

/** Copies a file: whole, or not at all. Throws a LambdamaxError that names the path that is at fault. */
export async function copyFileWhole(from: string, to: string): Promise<void> {
  await writeFileWhole(to, bytesOf(from));
}

async function* bytesOf(path: string): AsyncGenerator<Uint8Array> {
  try {
    yield* createReadStream(path);
  } catch (cause) {
    throw fileFault(path, 'a readable file', cause);
  }
}
