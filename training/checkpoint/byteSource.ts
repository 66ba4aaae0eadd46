import { constants } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { LambdamaxError } from '../../errors.ts';
import { fileFault, lfsPointer, refuseLfsPointer } from './files.ts';

/** Bytes that can be read in parts: a file on disk, or a double of one in a test. */
export interface ByteSource {
  /** What error messages call it: the file's path. */
  readonly name: string;
  readonly byteLength: number;
  /** The bytes from `start` to `end` (exclusive), in memory of their own. */
  read(start: number, end: number): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** One system call reads less than 2 GB, on every platform. */
const bytesPerRead = 2 ** 30;

/** Opens a file for reading. Throws a LambdamaxError that names the path if it is missing, no file, or not readable. */
export async function openFile(path: string): Promise<ByteSource> {
  try {
    // Before opening: to open a pipe would wait for a writer for ever.
    if (!(await stat(path)).isFile()) {
      throw new LambdamaxError({ subject: path, expected: 'a file', got: 'a folder or device' });
    }
    const handle = await open(path, constants.O_RDONLY);
    const { size } = await handle.stat();
    const read = async (start: number, end: number): Promise<Uint8Array> => {
      requireRange(path, start, end, size);
      const bytes = new Uint8Array(end - start);
      for (let filled = 0; filled < bytes.length; ) {
        const length = Math.min(bytes.length - filled, bytesPerRead);
        const { bytesRead } = await handle.read(bytes, filled, length, start + filled).catch((cause: unknown) => {
          throw fileFault(path, 'a readable file', cause);
        });
        if (bytesRead === 0) {
          throw new LambdamaxError({
            subject: path,
            expected: `${size} bytes, as when it was opened`,
            got: `${start + filled} bytes`,
            remedy: 'another process changed the file; start again when it is done',
          });
        }
        filled += bytesRead;
      }
      return bytes;
    };
    try {
      refuseLfsPointer(path, await read(0, Math.min(size, lfsPointer.start.length)));
    } catch (cause) {
      await handle.close();
      throw cause;
    }
    return { name: path, byteLength: size, read, close: () => handle.close() };
  } catch (cause) {
    throw fileFault(path, 'a readable file', cause);
  }
}

/** Throws unless 0 <= start <= end <= byteLength, all whole numbers. */
export function requireRange(name: string, start: number, end: number, byteLength: number): void {
  const valid = Number.isSafeInteger(start) && Number.isSafeInteger(end) && start >= 0 && start <= end;
  if (!(valid && end <= byteLength)) {
    throw new LambdamaxError({
      subject: name,
      expected: `a range of bytes within 0 to ${byteLength}`,
      got: `${start} to ${end}`,
    });
  }
}
