import { createHash } from 'node:crypto';
import type { Vector } from '../../compute/index.ts';
import { LambdamaxError } from '../../errors.ts';
import type { Adapter } from '../adapters/create.ts';
import type { TokenRow } from '../data/examples.ts';
import { hashOf as hashOfValue, hashRows } from '../data/hash.ts';
import { layoutTensors } from '../layout/layout.ts';
import type { Model } from '../model.ts';
import { resultsVersion } from '../resultsVersion.ts';
import type { Validation } from '../validation.ts';
import type { FinetuneOptions } from './finetune.ts';

/** What determines every number of a run, by the field that sets it; hashes of what is too large to list. */
export type RunSettings = Readonly<Record<string, string | number | boolean | null>>;

/** Settings under today's names. Checkpoints have had the names of the command line's options: `--batch-size`, `--lr`. */
export function renamedSettings(stored: RunSettings): RunSettings {
  const renamed = Object.entries(stored).map(([name, value]) => {
    if (name === '--lr') return ['learningRate', value];
    if (!name.startsWith('--')) return [name.replace('--method', '`method`'), value];
    return [name.slice(2).replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase()), value];
  });
  return Object.fromEntries(renamed);
}

/** The settings of a run that starts from this adapter; whatever it is trained to later does not count. */
export async function runSettings(
  model: Model,
  { method, layout, parameters, weights }: Adapter,
  rows: readonly TokenRow[],
  options: FinetuneOptions,
): Promise<RunSettings> {
  const { learningRate, optimizerOptions = {}, microBatch, maxGradNorm, maxLoss, validation } = options;
  const { betas, eps, weightDecay, momentum, loraPlusRatio, groups } = optimizerOptions;
  return {
    'the version of results': resultsVersion,
    model: await model.checkpoint.contentHash(),
    data: hashRows(rows),
    validation: validation === undefined ? null : hashOfValidation(validation),
    method: method.name,
    'the file of `method`': method.contentHash ?? null,
    'adapter layout': hashOf([JSON.stringify(layoutTensors(layout))]),
    'initial values of the adapter': hashOf([parameters, ...weights.values()]),
    optimizer: options.optimizer,
    betas: betas?.join() ?? null,
    eps: eps ?? null,
    weightDecay: weightDecay ?? null,
    momentum: momentum ?? null,
    loraPlusRatio: loraPlusRatio ?? null,
    'parameter groups': JSON.stringify(groups ?? []),
    learningRate,
    schedule: options.schedule,
    steps: options.steps,
    warmupSteps: options.warmupSteps,
    batchSize: options.batchSize,
    microBatch: microBatch ?? options.batchSize,
    maxGradNorm: maxGradNorm ?? null,
    maxLoss: maxLoss ?? null,
    seed: options.seed,
    shuffle: options.shuffle,
    precision: model.precision,
    backend: model.backend.name,
  };
}

/** Rows, or problems and how a model is examined on them: the content of a family's own file, its template, lengths. */
function hashOfValidation(validation: Validation): string {
  if (!('family' in validation)) return hashRows(validation);
  const { family, template = family.template, ...examination } = validation;
  return hashOfValue({ ...examination, template, family: family.name, content: family.contentHash });
}

/** Throws a LambdamaxError that names the first field in which a run differs from the one that a checkpoint is of. */
export function requireSameSettings(checkpoint: string, stored: RunSettings, own: RunSettings): void {
  const name = Object.keys(own).find((key) => own[key] !== stored[key]);
  if (name === undefined) return;
  const isHash = /^[0-9a-f]{64}$/.test(`${own[name]}`);
  throw new LambdamaxError({
    subject: `${/^\w+$/.test(name) ? `\`${name}\`` : name} of a run resumed from ${checkpoint}`,
    expected: isHash ? 'the same as when the run was begun' : `${stored[name] ?? 'none'}, as when the run was begun`,
    ...(isHash ? {} : { got: own[name] }),
    remedy: 'without `resume` a new run replaces the old one',
  });
}

function hashOf(parts: readonly (string | Vector)[]): string {
  const hash = createHash('sha256');
  for (const part of parts)
    hash.update(typeof part === 'string' ? part : new Uint8Array(part.buffer, part.byteOffset, part.byteLength));
  return hash.digest('hex');
}
