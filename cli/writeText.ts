import writeFileAtomic from 'write-file-atomic';
import { fileFault } from '../training/checkpoint/files.ts';

/** Writes a text file whole or not at all. Throws a LambdamaxError that names it. */
export async function writeText(path: string, text: string): Promise<void> {
  try {
    await writeFileAtomic(path, text);
  } catch (cause) {
    throw fileFault(path, 'a writable file', cause);
  }
}
