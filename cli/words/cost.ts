import type { TokenRow } from '../../training/data/examples.ts';
import type { AdapterLayout } from '../../training/layout/layout.ts';
import type { Model } from '../../training/model.ts';
import type { StepChoice } from '../../training/stepCost.ts';
import { shortNumber } from './output.ts';

/** A line that says what a step of a long run will cost: the gradient, or a product, of the batch of the longest rows. */
export async function costLine(
  model: Model,
  layout: AdapterLayout,
  rows: readonly TokenRow[],
  choice: StepChoice,
): Promise<string> {
  const { stepCost } = await import('../../training/stepCost.ts');
  const { flops, peakBytes, batch } = stepCost(model, layout, rows, choice);
  return (
    `a ${choice.what === 'gradient' ? 'gradient' : 'product'} of ${batch.rows} rows of ${batch.length} tokens: ` +
    `about ${shortNumber(flops / 1e9, 2)} GFLOP and ${shortNumber(peakBytes / 1e6, 2)} MB`
  );
}
