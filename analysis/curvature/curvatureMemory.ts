import type { Curvature } from '../../compute/program.ts';
import type { Adapter } from '../../training/adapters/create.ts';
import type { TokenBatch } from '../../training/data/batches.ts';
import { bareBytes, freeBytes, residentBytes, unreadBytes } from '../../training/memory.ts';
import type { Model } from '../../training/model.ts';

/** What products with a curvature will take, of all processes together. */
export interface CurvatureMemory {
  /** Floating-point operations of a product of the largest batch. */
  readonly flops: number;
  /** The largest batch: its rows, and the tokens of each. */
  readonly rows: number;
  readonly length: number;
  /** The batches whose values are kept between products. */
  readonly keptBatches: number;
  readonly batches: number;
  /** Resident memory at its highest in bytes, all that is there already among it. */
  readonly peakBytes: number;
  /** Bytes that are held while a batch is computed, and do not stay. */
  readonly passingBytes: number;
  /** Bytes of the peak that are to be taken yet. */
  readonly moreBytes: number;
  /** Bytes that are free now. */
  readonly freeBytes: number;
}

/** How a curvature is computed, as far as memory goes. */
export interface CurvatureSizes {
  readonly curvature: Curvature;
  readonly processes: number;
  /** The most that kept values may take; absent: as much as is free. */
  readonly mostKeptBytes?: number | undefined;
}

/** The part of the free memory that is counted on: other programs want some, and so do garbage and fragments. */
const shareOfFree = 0.9;

/**
 * What a curvature of these batches will take, before any is linearised. Values are kept of as many of the first batches as
 * `mostKeptBytes` hold, and of one at least unless that is negative; if it is not given, of as many as fit in free memory now.
 * At the worst moment a batch is linearised anew, to measure rounding, while all are kept. Graphs of the largest batch are made.
 */
export function curvatureMemory(
  model: Model,
  adapter: Adapter,
  batches: readonly TokenBatch[],
  { curvature, processes, mostKeptBytes }: CurvatureSizes,
): CurvatureMemory {
  const largest = batches.reduce((most, batch) => (positionsOf(batch) > positionsOf(most) ? batch : most));
  const program = model.program(adapter.layout, largest);
  const linearise = program.estimate(`linearise ${curvature}`);
  const free = freeBytes();
  const ownBytes =
    processes === 1 ? unreadBytes(linearise.weightBytes, adapter) : processes * (bareBytes + linearise.weightBytes);
  const passing = processes * (linearise.peakBytes - linearise.weightBytes);
  const most = mostKeptBytes ?? shareOfFree * free - ownBytes - passing;
  const keptOf = (batch: TokenBatch): number => (linearise.outputBytes * positionsOf(batch)) / positionsOf(largest);
  let [kept, keptBatches] = [0, 0];
  for (const batch of batches) {
    const isForced = mostKeptBytes !== undefined && mostKeptBytes >= 0 && keptBatches === 0;
    if (kept + keptOf(batch) > most && !isForced) break;
    kept += keptOf(batch);
    keptBatches += 1;
  }
  const product = program.estimate(keptBatches === batches.length ? curvature : `recompute ${curvature}`);
  const anew = keptBatches === batches.length ? 0 : processes * (product.peakBytes - product.weightBytes);
  const passingBytes = Math.max(keptBatches > 0 ? passing : 0, anew);
  const moreBytes = ownBytes + kept + passingBytes;
  return {
    ...{ flops: product.flops, rows: largest.rows, length: largest.length, keptBatches, batches: batches.length },
    ...{ peakBytes: residentBytes() + moreBytes, passingBytes, moreBytes, freeBytes: free },
  };
}

function positionsOf({ rows, length }: TokenBatch): number {
  return rows * length;
}
