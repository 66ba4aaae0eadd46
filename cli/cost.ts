import type { Curvature } from '../compute/program.ts';
import type { AdapterLayout } from '../training/adapters/layout.ts';
import type { TokenRow } from '../training/data/examples.ts';
import type { Model } from '../training/model.ts';
import { shortNumber } from './output.ts';

/** Which step of a long run, and of how many rows. */
export interface StepChoice {
  readonly batchSize: number;
  readonly what: 'gradient' | Curvature;
}

/** What a step will cost: the gradient, or a product, of the batch of the longest rows. */
export async function stepCost(
  model: Model,
  layout: AdapterLayout,
  rows: readonly TokenRow[],
  { batchSize, what }: StepChoice,
) {
  const { toBatch } = await import('../training/data/batches.ts');
  const longest = [...rows].sort((a, b) => b.inputIds.length - a.inputIds.length).slice(0, batchSize);
  const batch = toBatch(longest, { rows: longest.length, precision: model.precision });
  const { trainingLayout } = await import('../training/adapters/layout.ts');
  const program = model.program(what === 'gradient' ? trainingLayout(layout) : layout, batch);
  return { ...program.estimate(what), batch };
}

/** The same as a line. */
export async function costLine(
  model: Model,
  layout: AdapterLayout,
  rows: readonly TokenRow[],
  choice: StepChoice,
): Promise<string> {
  const { flops, peakBytes, batch } = await stepCost(model, layout, rows, choice);
  return (
    `a ${choice.what === 'gradient' ? 'gradient' : 'product'} of ${batch.rows} rows of ${batch.length} tokens: ` +
    `about ${shortNumber(flops / 1e9, 2)} GFLOP and ${shortNumber(peakBytes / 1e6, 2)} MB`
  );
}
