import { existsSync } from 'node:fs';
import { LambdamaxError } from '../../errors.ts';
import type { Adapter } from '../../training/adapters/create.ts';
import type { TokenRow, TokenRows } from '../../training/data/examples.ts';
import type { DownloadOptions } from '../../training/hub/hub.ts';
import type { Model } from '../../training/model.ts';
import type { Output } from '../words/output.ts';
import type { Progress } from '../words/progress.ts';
import { showStages } from '../words/stages.ts';
import type { AdapterChoice } from './adapterOptions.ts';
import { type DataOptions, demand, type EngineOptions, type ModelChoice } from './options.ts';
import { UsageError } from './usageError.ts';

/** Opens the checkpoint that the options name, downloaded first if it is not there. */
export async function openModel(options: ModelChoice & EngineOptions, output: Output): Promise<Model> {
  output.stage(`opening ${options.model}`);
  const directory = existsSync(options.model) ? options.model : await fetchModel(options.model, output);
  const { loadModel } = await import('../../training/model.ts');
  const { backendNamed } = await import('../../compute/index.ts');
  const { precision, threads } = options;
  const backend = backendNamed(options.backend);
  const model = await loadModel(directory, { name: options.model, precision, threads, backend });
  for (const notice of model.notices) output.warn(notice);
  return model;
}

/** Files of rows as they lie on the disk: a split of each dataset that is named on the hub is downloaded first. */
export async function fetchData(files: readonly string[], split: string, output: Output): Promise<readonly string[]> {
  const { downloadDataset, isDatasetName } = await import('../../training/hub/datasets.ts');
  const found: string[] = [];
  for (const file of files)
    if (existsSync(file) || !isDatasetName(file)) found.push(file);
    else found.push(...(await downloaded(`${file}, MB`, output, (progress) => downloadDataset(file, split, progress))));
  return found;
}

/** Downloads something, and shows how it goes. */
async function downloaded<Result>(
  label: string,
  output: Output,
  download: (options: DownloadOptions) => Promise<Result>,
): Promise<Result> {
  const megabytes = (bytes: number) => Math.ceil(bytes / 1e6);
  let progress: Progress | undefined;
  return download({
    onNotice: output.warn,
    onProgress: (received, total) => {
      progress ??= output.progress(megabytes(total), label);
      progress.setTotal(megabytes(total));
      progress.update(megabytes(received));
    },
  }).finally(() => progress?.stop());
}

/** The folder of a model on the hub; shows how its download goes. */
async function fetchModel(name: string, output: Output): Promise<string> {
  const fault = (remedy?: string) =>
    new LambdamaxError({
      subject: `--model ${name}`,
      expected: 'a Hugging Face checkpoint folder, or the name of one on the hub (org/name)',
      got: 'no such folder',
      ...(remedy === undefined ? {} : { remedy }),
    });
  const { downloadModel, isHubName } = await import('../../training/hub/hub.ts');
  if (!isHubName(name)) throw fault();
  try {
    return await downloaded(`${name}, MB`, output, (options) => downloadModel(name, options));
  } catch (error) {
    if (!(error instanceof LambdamaxError)) throw error;
    throw fault(`the download failed: ${error.message}`);
  }
}

/**
 * The adapter that the options name: one from a folder, or a new one, which may take its initial values from the rows;
 * undefined if they name neither. Shows how far its values are.
 */
export async function openAdapter(
  model: Model,
  options: AdapterChoice,
  rows: readonly TokenRow[],
  output: Output,
): Promise<Adapter | undefined> {
  const { adapter, method, ...size } = options;
  if (adapter !== undefined) {
    const { loadAdapter } = await import('../../training/adapters/files/files.ts');
    const { loadMethod } = await import('../../training/adapters/methodFile.ts');
    return loadAdapter(model, adapter, method === undefined ? undefined : await loadMethod(method));
  }
  if (method === undefined) return undefined;
  const { createAdapter } = await import('../../training/adapters/create.ts');
  const stages = showStages(output);
  return createAdapter(model, { method, ...size, rows, onStage: stages.show }).finally(stages.stop);
}

/** The adapter that the options ask for, for a command that cannot do without one. */
export async function demandAdapter(
  model: Model,
  options: AdapterChoice,
  rows: readonly TokenRow[],
  output: Output,
): Promise<Adapter> {
  const adapter = await openAdapter(model, options, rows, output);
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
  return (await readNumberedData(model, files, options, output)).rows;
}

/** The rows of the files with their numbers among all that were read; says what was cut or left out. */
export async function readNumberedData(
  model: Model,
  files: readonly string[],
  options: DataOptions,
  output: Output,
): Promise<TokenRows> {
  output.stage('reading rows');
  const { loadRows } = await import('../../training/data/load.ts');
  const tokens = await loadRows(model, files, options);
  const { tellOfRows } = await import('../../training/data/notices.ts');
  tellOfRows(tokens, files, options.maxLength, output);
  return tokens;
}

/** The files of `--data`, which most commands need. */
export function demandData({ data }: { readonly data?: readonly string[] | undefined }): readonly string[] {
  return demand(data, '--data', 'a .jsonl or .json file');
}
