import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { randomRows, referencePath, writeRows } from './tokenFiles.ts';

/** A study of two methods at a few rates on the smallest model there is: seconds. */
export async function tinyStudy(folder: string, changes: readonly string[] = []): Promise<string[]> {
  const data = await writeRows(folder, randomRows(6, 1), 'train.jsonl');
  const validation = await writeRows(folder, randomRows(3, 2), 'validation.jsonl');
  return [
    ...['study', '--model', referencePath('models/llama'), '--threads', '1', '--workers', '1'],
    ...['--data', data, '--validation', validation, '--batch-size', '3', '--steps', '3'],
    ...[
      '--methods',
      'lora,pissa',
      '--rank',
      '2',
      '--lr',
      '1e-3,1e-2,1e-1',
      '--no-extend',
      '--refine',
      '0',
      '--seeds',
      '1',
    ],
    ...['--tolerance', '0.1', '--curvature-tokens', '1000', '--warmup', '1'],
    ...changes,
  ];
}

/** All files of a folder by their paths in it, sorted. */
export async function filesOf(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort();
}

/** The files of a study that say nothing of time, with their bytes: equal for studies that are the same. */
export async function timelessBytes(study: string): Promise<Record<string, string>> {
  const names = (await filesOf(study)).filter((name) => /results\.csv$|run\.json$|safetensors$/.test(name));
  const bytes = await Promise.all(names.map((name) => readFile(join(study, name), 'base64')));
  return Object.fromEntries(names.map((name, index) => [name, bytes[index]!]));
}
