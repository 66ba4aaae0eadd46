import { readFile } from 'node:fs/promises';
import writeFileAtomic from 'write-file-atomic';
import { LambdamaxError } from '../../errors.ts';

/** What the codes of the operating system mean, in the words of an error message. */
const faults: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or folder',
  EACCES: 'no permission',
  EPERM: 'no permission',
  EISDIR: 'a folder',
  ENOTDIR: 'a path through something that is not a folder',
  EROFS: 'a read-only file system',
  ENOSPC: 'a full disk',
};

/** The fault of the operating system at `path` as the project's own error. An error that is one already stays as it is. */
export function fileFault(path: string, expected: string, cause: unknown): LambdamaxError {
  if (cause instanceof LambdamaxError) return cause;
  const { code, message } = cause as NodeJS.ErrnoException;
  return new LambdamaxError({ subject: path, expected, got: faults[code ?? ''] ?? message, cause });
}

/** The text of a UTF-8 file, without a byte order mark. Throws a LambdamaxError that names the path. */
export async function readText(path: string): Promise<string> {
  try {
    return (await readFile(path, 'utf8')).replace(/^\uFEFF/, '');
  } catch (cause) {
    throw fileFault(path, 'a readable file', cause);
  }
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
export async function writeJson(path: string, value: unknown): Promise<void> {
  try {
    await writeFileAtomic(path, `${JSON.stringify(value, null, 2)}\n`);
  } catch (cause) {
    throw fileFault(path, 'a writable file', cause);
  }
}
