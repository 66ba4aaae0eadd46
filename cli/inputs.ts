import { existsSync } from 'node:fs';
import { LambdamaxError, UsageError } from '../errors.ts';
import type { Adapter } from '../training/adapters/create.ts';
import type { TokenRow } from '../training/data/examples.ts';
import type { Model } from '../training/model.ts';
import { type AdapterOptions, type DataOptions, demand, type EngineOptions, type ModelOptions } from './options.ts';
import type { Output } from './output.ts';

/** Opens the checkpoint that the options name. */
export async function openModel(options: ModelOptions & EngineOptions): Promise<Model> {
  if (!existsSync(options.model)) {
    throw new LambdamaxError({
      subject: `--model ${options.model}`,
      expected: 'a Hugging Face checkpoint folder',
      got: 'no such folder',
      remedy: 'this version does not download: get the model first, as with `huggingface-cli download`',
    });
  }
  const { loadModel } = await import('../training/model.ts');
  const { backendNamed } = await import('../compute/index.ts');
  const { precision, threads } = options;
  return loadModel(options.model, { precision, threads, backend: backendNamed(options.backend) });
}

/** The adapter that the options name: one from a folder, or a new one; undefined if they name neither. */
export async function openAdapter(model: Model, options: AdapterOptions): Promise<Adapter | undefined> {
  const { adapter, method, ...size } = options;
  if (adapter !== undefined) {
    const { loadAdapter } = await import('../training/adapters/files.ts');
    return loadAdapter(model, adapter);
  }
  if (method === undefined) return undefined;
  const { createAdapter } = await import('../training/adapters/create.ts');
  return createAdapter(model, { method, ...size });
}

/** The same for a command that cannot do without. */
export async function demandAdapter(model: Model, options: AdapterOptions): Promise<Adapter> {
  const adapter = await openAdapter(model, options);
  if (adapter !== undefined) return adapter;
  throw new UsageError({ subject: '--method', expected: 'a LoRA variant, or --adapter DIR', got: 'neither' });
}

/** The rows of the files; says what was cut or left out. */
export async function readData(
  model: Model,
  files: readonly string[],
  options: DataOptions,
  output: Output,
): Promise<readonly TokenRow[]> {
  const { loadRows } = await import('../training/data/load.ts');
  const { rows, dropped, cut } = await loadRows(model, files, options);
  const from = files.join(', ');
  if (cut > 0) output.say(`cut to --max-length ${options.maxLength} tokens: ${countOf(cut)} of ${from}`);
  if (dropped > 0) output.say(`left out, with nothing to score: ${countOf(dropped)} of ${from}`);
  return rows;
}

function countOf(rows: number): string {
  return rows === 1 ? '1 row' : `${rows} rows`;
}

/** The files of `--data`, which most commands need. */
export function demandData({ data }: DataOptions): readonly string[] {
  return demand(data, '--data', 'a .jsonl or .json file');
}
