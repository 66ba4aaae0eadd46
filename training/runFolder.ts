import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Adapter } from './adapters/create.ts';
import { saveAdapter } from './adapters/files.ts';
import { fileFault, writeJson } from './checkpoint/files.ts';
import type { TokenRow } from './data/examples.ts';
import { type FinetuneOptions, type FinetuneResult, finetune } from './finetune.ts';
import { MetricsWriter } from './metrics.ts';
import type { Model } from './model.ts';

/** What became of a run, and where its adapter lies. */
export interface RunFolderResult extends FinetuneResult {
  /** Null if there was no folder to keep it in, or training diverged. */
  readonly adapter: string | null;
}

/**
 * Fine-tunes, and leaves metrics.jsonl, adapter/ and at last result.json in a folder: a folder with a result is a run that
 * is done. Without a folder it only fine-tunes. Throws a LambdamaxError that names the folder if it cannot be written.
 */
export async function finetuneInFolder(
  model: Model,
  adapter: Adapter,
  rows: readonly TokenRow[],
  options: FinetuneOptions,
  folder: string | undefined,
): Promise<RunFolderResult> {
  if (folder === undefined) return { ...(await finetune(model, adapter, rows, options)), adapter: null };
  await mkdir(folder, { recursive: true }).catch((cause: unknown) => {
    throw fileFault(folder, 'a folder to write a run in', cause);
  });
  const result = await withMetrics(folder, options, (recorded) => finetune(model, adapter, rows, recorded));
  const saved = result.status === 'finished' ? join(folder, 'adapter') : null;
  if (saved !== null) await saveAdapter(model, adapter, saved);
  const whole = { ...result, adapter: saved };
  await writeJson(join(folder, 'result.json'), { ...whole, adapter: saved && 'adapter' });
  return whole;
}

/** Runs `train` with options that write each step's metrics as well. */
async function withMetrics(
  folder: string,
  options: FinetuneOptions,
  train: (options: FinetuneOptions) => Promise<FinetuneResult>,
): Promise<FinetuneResult> {
  using metrics = new MetricsWriter(join(folder, 'metrics.jsonl'));
  // Awaited here, or the file would be closed before the first step.
  return await train({
    ...options,
    onStep: (line) => {
      metrics.write(line);
      options.onStep?.(line);
    },
  });
}
