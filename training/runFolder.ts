import { existsSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Adapter } from './adapters/create.ts';
import { requireSavable, saveAdapter } from './adapters/files.ts';
import { fileFault, makeFolder, readJson, writeJson } from './checkpoint/files.ts';
import type { TokenRow } from './data/examples.ts';
import { type FinetuneOptions, type FinetuneResult, finetune } from './finetune.ts';
import { MetricsWriter } from './metrics.ts';
import type { Model } from './model.ts';
import { type RunCheckpoint, readRunCheckpoint, writeRunCheckpoint } from './runCheckpoint.ts';
import { requireSameSettings, runSettings } from './runState.ts';

/** What became of a run, and where its adapter lies. */
export interface RunFolderResult extends FinetuneResult {
  /** Null if there was no folder to keep it in, or training diverged. */
  readonly adapter: string | null;
}

/** How a run outlives its process. */
export interface RunFolderOptions {
  /** Writes checkpoint.safetensors after every so many steps, and after the last; absent: never. */
  readonly saveEvery?: number;
  /** Goes on from checkpoint.safetensors; where there is none yet the run begins anew. */
  readonly resume?: boolean;
  /** Told the steps that are done already, once, before training. */
  readonly onResume?: (steps: number) => void;
}

/**
 * Fine-tunes, and leaves metrics.jsonl, adapter/ and at last result.json in a folder: a folder with a result is a run that
 * is done. What an earlier run left there is replaced, unless it is to be resumed: then the files become what they would
 * have been without the interruption, and a run that was done already is left as it is. Without a folder it only
 * fine-tunes.
 *
 * Throws a LambdamaxError that names the folder if it cannot be written, the checkpoint if it is damaged, and the option
 * that is another than when the run was begun.
 */
export async function finetuneInFolder(
  model: Model,
  adapter: Adapter,
  rows: readonly TokenRow[],
  options: FinetuneOptions,
  folder: string | undefined,
  { saveEvery, resume = false, onResume }: RunFolderOptions = {},
): Promise<RunFolderResult> {
  if (folder === undefined) return { ...(await finetune(model, adapter, rows, options)), adapter: null };
  requireSavable(adapter);
  await makeFolder(folder, 'a folder to write a run in');
  const paths = runPaths(folder);
  await removeTemporaries(paths);
  // Before training moves the adapter, whose initial values are among the settings.
  const settings = saveEvery || resume ? await runSettings(model, adapter, rows, options) : {};
  const from = resume ? await readRunCheckpoint(paths.checkpoint) : null;
  if (from) {
    requireSameSettings(paths.checkpoint, from.settings, settings);
    onResume?.(from.steps);
    if (existsSync(paths.result)) return storedResult(paths);
  } else {
    await remove(paths.checkpoint);
  }
  await remove(paths.result);

  const result = await withMetrics(paths.metrics, options, from, (recorded, metrics) =>
    finetune(model, adapter, rows, {
      ...recorded,
      ...(from && { from }),
      ...(saveEvery && {
        saveEvery,
        onSave: (state) => writeRunCheckpoint(paths.checkpoint, { ...state, settings, metricsBytes: metrics.save() }),
      }),
    }),
  );
  const isKept = result.status === 'finished';
  // Only now: this run may have started from the adapter that lies there.
  await (isKept ? saveAdapter(model, adapter, paths.adapter) : remove(paths.adapter));
  await writeJson(paths.result, { ...result, adapter: isKept ? basename(paths.adapter) : null });
  return { ...result, adapter: isKept ? paths.adapter : null };
}

type RunPaths = ReturnType<typeof runPaths>;

function runPaths(folder: string) {
  return {
    folder,
    adapter: join(folder, 'adapter'),
    checkpoint: join(folder, 'checkpoint.safetensors'),
    metrics: join(folder, 'metrics.jsonl'),
    result: join(folder, 'result.json'),
  };
}

/** The result of a run that is done. */
async function storedResult({ result, adapter }: RunPaths): Promise<RunFolderResult> {
  const stored = (await readJson(result)) as RunFolderResult;
  return { ...stored, adapter: stored.adapter === null ? null : adapter };
}

/** What a process that was killed may have been writing: names that end in the number or UUID of one write. */
const temporary = /\.(json|safetensors)\.(\d+|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$/;

async function removeTemporaries({ folder, adapter }: RunPaths): Promise<void> {
  for (const place of [folder, adapter])
    for (const name of await readdir(place).catch(() => [])) if (temporary.test(name)) await remove(join(place, name));
}

async function remove(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true }).catch((cause: unknown) => {
    throw fileFault(path, 'a path that can be written', cause);
  });
}

/** Runs `train` with options that write each step's metrics as well, behind those of the steps that were saved. */
async function withMetrics(
  path: string,
  options: FinetuneOptions,
  from: RunCheckpoint | null,
  train: (options: FinetuneOptions, metrics: MetricsWriter) => Promise<FinetuneResult>,
): Promise<FinetuneResult> {
  using metrics = new MetricsWriter(path, from?.metricsBytes);
  // Awaited here, or the file would be closed before the first step.
  return await train(
    {
      ...options,
      onStep: (line) => {
        metrics.write(line);
        options.onStep?.(line);
      },
    },
    metrics,
  );
}
