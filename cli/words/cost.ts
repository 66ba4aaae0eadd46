import type { CurvatureMemory } from '../../analysis/curvature/curvatureMemory.ts';
import type { Adapter } from '../../training/adapters/create.ts';
import type { TokenRow } from '../../training/data/examples.ts';
import type { AdapterLayout } from '../../training/layout/layout.ts';
import type { Model } from '../../training/model.ts';
import { type Output, shortNumber } from './output.ts';

/** What the gradients of a run are taken of. */
export interface RunChoice {
  readonly layout: AdapterLayout;
  /** The adapter's frozen weights, if it is made already. */
  readonly weights?: Adapter['weights'];
  readonly rows: readonly TokenRow[];
  /** Rows that are computed at once. */
  readonly batchSize: number;
  /** The option that sets `batchSize`. */
  readonly option: string;
}

/** What a step of a run will cost. */
export interface RunCost extends Memory {
  readonly flops: number;
  readonly rows: number;
  readonly length: number;
  readonly passingBytes: number;
  readonly option: string;
}

/** What a step of a long run will cost: the gradient of the batch of the longest rows. */
export async function runCost(model: Model, { weights = new Map(), ...choice }: RunChoice): Promise<RunCost> {
  const { stepCost } = await import('../../training/stepCost.ts');
  const { freeBytes, residentBytes, unreadBytes } = await import('../../training/memory.ts');
  const { layout, rows, batchSize, option } = choice;
  const { flops, peakBytes, weightBytes, batch } = stepCost(model, layout, rows, { batchSize, what: 'gradient' });
  const passingBytes = peakBytes - weightBytes;
  const moreBytes = passingBytes + unreadBytes(weightBytes, { weights });
  const memory = { peakBytes: residentBytes() + moreBytes, passingBytes, moreBytes, freeBytes: freeBytes() };
  return { flops, rows: batch.rows, length: batch.length, option, ...memory };
}

/** Says what a step will cost; warns if that does not fit in the memory that is free, and names the option that makes it fit. */
export function sayCost(cost: RunCost, output: Output): void {
  const { flops, rows, length, option } = cost;
  output.say(`a gradient of ${rows} rows of ${length} tokens: ${costWords(flops, cost)}`);
  warnOfMemory(cost, { rows, option }, output);
}

/** Says what a product with a curvature will cost, and what is not kept; warns where `sayCost` does. */
export function sayMemory(memory: CurvatureMemory, output: Output): void {
  const { flops, rows, length, keptBatches, batches } = memory;
  output.say(`a product of ${rows} rows of ${length} tokens: ${costWords(flops, memory)}`);
  if (keptBatches < batches)
    output.say(
      `what ${keptBatches === 0 ? 'the batches' : `${batches - keptBatches} of ${batches} batches`} would keep does not fit in memory: ` +
        'it is computed anew in each product, which takes two to three times as long; a smaller --batch-size may make it fit',
    );
  warnOfMemory(memory, { rows, option: '--batch-size' }, output);
}

type Memory = Pick<CurvatureMemory, 'peakBytes' | 'passingBytes' | 'moreBytes' | 'freeBytes'>;

function costWords(flops: number, { peakBytes, freeBytes }: Memory): string {
  return `about ${shortNumber(flops / 1e9, 2)} GFLOP and ${megabytes(peakBytes)} of memory (${megabytes(freeBytes)} are free)`;
}

function warnOfMemory(
  { passingBytes, moreBytes, freeBytes }: Memory,
  { rows, option }: { readonly rows: number; readonly option: string },
  output: Output,
): void {
  if (moreBytes <= freeBytes) return;
  const fitting = Math.floor((rows * (freeBytes - (moreBytes - passingBytes))) / passingBytes);
  const remedy =
    fitting >= 1
      ? `${option} ${fitting} would fit`
      : 'a smaller model, or a lower --max-length, is needed on this machine';
  output.warn(`${megabytes(moreBytes)} more of memory are needed, and ${megabytes(freeBytes)} are free: ${remedy}`);
}

/** An amount of memory in MB, or in GB. */
export function megabytes(bytes: number): string {
  return bytes < 1e9 ? `${shortNumber(bytes / 1e6, 2)} MB` : `${shortNumber(bytes / 1e9, 2)} GB`;
}
