import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Adapter } from './adapters/create.ts';
import { saveAdapter } from './adapters/files.ts';
import { fileFault, makeFolder, writeJson } from './checkpoint/files.ts';
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
 * is done. What an earlier run left there is replaced. Without a folder it only fine-tunes. Throws a LambdamaxError that names the folder if it cannot be written.
 */
export async function finetuneInFolder(
  model: Model,
  adapter: Adapter,
  rows: readonly TokenRow[],
  options: FinetuneOptions,
  folder: string | undefined,
): Promise<RunFolderResult> {
  if (folder === undefined) return { ...(await finetune(model, adapter, rows, options)), adapter: null };
  await makeFolder(folder, 'a folder to write a run in');
  await remove(join(folder, 'result.json'));
  const result = await withMetrics(folder, options, (recorded) => finetune(model, adapter, rows, recorded));
  const adapterFolder = join(folder, 'adapter');
  const isKept = result.status === 'finished';
  // Only now: this run may have started from the adapter that lies there.
  await (isKept ? saveAdapter(model, adapter, adapterFolder) : remove(adapterFolder));
  await writeJson(join(folder, 'result.json'), { ...result, adapter: isKept ? 'adapter' : null });
  return { ...result, adapter: isKept ? adapterFolder : null };
}

async function remove(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true }).catch((cause: unknown) => {
    throw fileFault(path, 'a path that can be written', cause);
  });
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
