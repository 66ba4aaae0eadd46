import type { Estimated } from '../compute/program.ts';
import { batchLengths, toBatch } from './data/batches.ts';
import type { TokenRow } from './data/examples.ts';
import { cheapestLengths } from './data/paddedLengths.ts';
import { type AdapterLayout, trainingLayout } from './layout/layout.ts';
import type { Model } from './model.ts';

/** Which step of a long run, and of how many rows. */
export interface StepChoice {
  readonly batchSize: number;
  readonly what: Estimated;
}

/** What a step costs, of the batch of the longest rows, in floating-point operations and bytes. */
export function stepCost(
  model: Model,
  layout: AdapterLayout,
  rows: readonly TokenRow[],
  { batchSize, what }: StepChoice,
) {
  const longest = [...rows].sort((a, b) => b.inputIds.length - a.inputIds.length).slice(0, batchSize);
  // The longest batch has a length of its own, whatever else is padded to: see `cheapestLengths`.
  const padTo = cheapestLengths(batchLengths([longest]), 0);
  const batch = toBatch(longest, { padTo, precision: model.precision });
  const program = model.program(what === 'gradient' ? trainingLayout(layout) : layout, batch);
  return { ...program.estimate(what), batch };
}
