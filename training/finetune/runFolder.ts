import { existsSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { LambdamaxError } from '../../errors.ts';
import type { Adapter } from '../adapters/create.ts';
import { requireSavable, saveAdapter } from '../adapters/files/files.ts';
import { fileFault, makeFolder, readJson, writeJson } from '../checkpoint/files.ts';
import { inResultFolder, requireNoResults, unfinishedName } from '../checkpoint/resultFolder.ts';
import { isUnfinishedFile } from '../checkpoint/wholeFile.ts';
import type { TokenRow } from '../data/examples.ts';
import type { Model } from '../model.ts';
import { type FinetuneOptions, type FinetuneResult, finetune } from './finetune.ts';
import { MetricsWriter } from './metrics.ts';
import { type RunCheckpoint, readRunCheckpoint, writeRunCheckpoint } from './runCheckpoint.ts';
import { requireSameSettings, runSettings } from './runSettings.ts';

/** What became of a run, and where its adapter lies. */
export interface RunFolderResult extends FinetuneResult {
  /** Null if there was no folder to keep it in, or training diverged. */
  readonly adapter: string | null;
  /** Where the run's files lie; null if there was no folder. */
  readonly folder: string | null;
}

/** How a run outlives its process. */
export interface RunFolderOptions {
  /** Writes checkpoint.safetensors after every so many steps, and after the last; absent: never. */
  readonly saveEvery?: number;
  /** Goes on from checkpoint.safetensors; where there is none yet the run begins anew. */
  readonly resume?: boolean;
  /** Replaces what an earlier run left, once this one is finished and good; absent: a folder with another run is refused. */
  readonly overwrite?: boolean;
  /** Told the steps that are done already, once, before training. */
  readonly onResume?: (steps: number) => void;
}

/** The results of a run: what it leaves in its folder. */
const resultNames: readonly string[] = ['adapter', 'checkpoint.safetensors', 'metrics.jsonl', 'result.json'];
const isResult = (name: string): boolean => resultNames.includes(name);

/**
 * Throws a LambdamaxError for a folder with another run's results that `finetuneInFolder` would refuse. To be called before the
 * adapter is made, which may take long.
 */
export async function requireRunFolder(
  folder: string,
  { resume = false, overwrite = false }: RunFolderOptions = {},
): Promise<void> {
  if (!resume) return requireNoResults(folder, { isResult, overwrite });
  const { result, checkpoint } = runPaths(folder);
  if (overwrite || existsSync(checkpoint) || !existsSync(result)) return;
  // Of a diverged one nothing is lost: it comes to the same end again.
  if (((await readJson(result)) as FinetuneResult).status === 'diverged') return;
  throw new LambdamaxError({
    subject: folder,
    expected: 'a run that was begun, to go on with',
    got: 'a finished one without a checkpoint',
    remedy: 'take another folder, or have it replaced by `overwrite`',
  });
}

/**
 * Fine-tunes, and leaves metrics.jsonl, adapter/ and at last result.json in a folder: a folder with a result is a run that
 * is done. A run that is resumed leaves what it would have left without the interruption, and one that was done already is
 * left as it is. With `overwrite` an earlier run stays until this one has finished well: meanwhile, and if this one diverges,
 * its own files lie in `unfinished`. Without a folder it only fine-tunes.
 *
 * Throws a LambdamaxError for a folder with another run or one that another process writes in, for one that cannot be
 * written, for a checkpoint that is damaged, and one that names the option that is another than when the run was begun.
 */
export async function finetuneInFolder(
  model: Model,
  adapter: Adapter,
  rows: readonly TokenRow[],
  options: FinetuneOptions,
  folder: string | undefined,
  keeping: RunFolderOptions = {},
): Promise<RunFolderResult> {
  if (folder === undefined) return { ...(await finetune(model, adapter, rows, options)), adapter: null, folder: null };
  requireSavable(adapter);
  const { resume = false } = keeping;
  await requireRunFolder(folder, keeping);
  const { unfinished } = runPaths(folder);
  // One that is resumed goes on where it was begun.
  const isBeside = keeping.overwrite === true && !(resume && existsSync(runPaths(folder).checkpoint));
  const wasBeside = resume && existsSync(runPaths(unfinished).checkpoint);
  const allowed = { isResult: isBeside || wasBeside ? isResult : () => false, overwrite: true };
  return inResultFolder(folder, { ...allowed, inPlace: true, goesOn: resume }, async (place) => {
    const result = await finetuneInHeldFolder(place, model, adapter, rows, options, keeping);
    const isGood = result.status === 'finished';
    const kept = isGood ? folder : place;
    return { isGood, result: { ...result, folder: kept, adapter: result.adapter && runPaths(kept).adapter } };
  });
}

/**
 * Fine-tunes in a folder of a run that the caller holds against others, as a study does: what an attempt left there that was
 * cut off is replaced. Throws as `finetuneInFolder`.
 */
export async function finetuneInHeldFolder(
  folder: string,
  model: Model,
  adapter: Adapter,
  rows: readonly TokenRow[],
  options: FinetuneOptions,
  { saveEvery, resume = false, onResume }: RunFolderOptions = {},
): Promise<Omit<RunFolderResult, 'folder'>> {
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
  await (isKept ? saveAdapter(model, adapter, paths.adapter) : remove(paths.adapter));
  await writeJson(paths.result, { ...result, adapter: isKept ? basename(paths.adapter) : null });
  return { ...result, adapter: isKept ? paths.adapter : null };
}

type RunPaths = ReturnType<typeof runPaths>;

function runPaths(folder: string) {
  return {
    folder,
    unfinished: join(folder, unfinishedName),
    adapter: join(folder, 'adapter'),
    checkpoint: join(folder, 'checkpoint.safetensors'),
    metrics: join(folder, 'metrics.jsonl'),
    result: join(folder, 'result.json'),
  };
}

/** The result of a run that is done. */
async function storedResult({ result, adapter }: RunPaths): Promise<Omit<RunFolderResult, 'folder'>> {
  const stored = (await readJson(result)) as RunFolderResult;
  return { ...stored, adapter: stored.adapter === null ? null : adapter };
}

/** What a process that was killed may have been writing. */
async function removeTemporaries({ folder, adapter }: RunPaths): Promise<void> {
  for (const place of [folder, adapter])
    for (const name of await readdir(place).catch(() => []))
      if (isUnfinishedFile(name)) await remove(join(place, name));
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
