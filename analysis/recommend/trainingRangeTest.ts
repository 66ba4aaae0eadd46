import type { Adapter } from '../../training/adapters/create.ts';
import { rowsByStep } from '../../training/data/batches.ts';
import type { TokenRow } from '../../training/data/examples.ts';
import { type FinetuneOptions, stepGradient } from '../../training/finetune/finetune.ts';
import { layoutTensors } from '../../training/layout/layout.ts';
import type { Model } from '../../training/model.ts';
import { createOptimizer } from '../../training/optimizers/index.ts';
import { type RangeTestResult, rangeTest } from './rangeTest.ts';

/** What of a run a range test takes over. */
export type RangeTestedRun = Pick<FinetuneOptions, 'optimizer' | 'optimizerOptions' | 'batchSize' | 'seed' | 'shuffle'>;

/**
 * The learning-rate range test of an adapter on its way through these rows: the rate grows by a constant factor from step to step,
 * from 1e-6 to 1 in 80 steps, until the loss breaks. Smith 2015, arXiv 1506.01186. The adapter is left as it is.
 */
export async function trainingRangeTest(
  model: Model,
  start: Adapter,
  rows: readonly TokenRow[],
  { optimizer: name, optimizerOptions, batchSize, seed, shuffle }: RangeTestedRun,
): Promise<RangeTestResult & { readonly gradientEvaluations: number }> {
  const adapter = { ...start, parameters: start.parameters.slice() };
  const optimizer = createOptimizer(name, layoutTensors(adapter.layout), optimizerOptions);
  const rowsOf = rowsByStep(rows, batchSize, seed, shuffle);
  let taken = 0;
  const found = await rangeTest(async (rate) => {
    const { value, gradient } = await stepGradient(model, adapter, rowsOf(taken++));
    if (Number.isFinite(value)) optimizer.step(adapter.parameters, gradient, rate);
    return value;
  });
  return { ...found, gradientEvaluations: taken };
}
