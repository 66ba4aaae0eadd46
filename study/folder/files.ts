import { readdir } from 'node:fs/promises';
import type { LambdamaxError } from '../../errors.ts';
import { fileFault, readJson } from '../../training/checkpoint/files.ts';

/** The names in a folder, sorted; none if there is no such folder. */
export async function entries(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw fileFault(folder, 'a readable folder', cause);
  }
}

/** Null for a file that is missing or no JSON: what a killed process may leave. Any other fault is thrown. */
export async function readJsonOrNull(path: string): Promise<unknown> {
  try {
    return await readJson(path);
  } catch (error) {
    const { cause } = error as LambdamaxError;
    if (cause instanceof SyntaxError || (cause as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
