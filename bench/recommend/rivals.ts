import { finetune } from 'lambdamax/training';
import type { Sought } from './configurations.ts';
import { type Experiment, trainingOf } from './experiment.ts';
import type { RivalRecord } from './records.ts';

/**
 * Optimizers that find their own rate, at the one that they are given where nobody tunes it: Prodigy's factor of 1, and for GeN-AdamW the
 * default of PyTorch's AdamW.
 */
const rates = { prodigy: 1, 'gen-adamw': 1e-3 } as const;

export type RivalName = keyof typeof rates;

export const rivals = Object.keys(rates) as RivalName[];

/** What a run by such an optimizer takes beside the run itself, in gradients of one batch: a look ahead in every fourth step is worth one. */
const extraPrice: Readonly<Record<RivalName, (steps: number) => number>> = {
  prodigy: () => 0,
  'gen-adamw': (steps) => Math.floor(steps / 4),
};

/** The one run of a rival, on the schedule of the sweep's runs. */
export async function rivalOf(
  { model, rows, scored, start }: Experiment,
  { task, method, rank, steps }: Sought,
  by: RivalName,
): Promise<RivalRecord> {
  const adapter = await start({ task, method, rank });
  const run = { ...trainingOf(steps), optimizer: by, learningRate: rates[by], validation: scored };
  const { validationLoss } = await finetune(model, adapter, rows, run);
  const loss = validationLoss === null ? null : Number(validationLoss.toPrecision(6));
  return { kind: 'rival', task, method, rank, by, loss, gradientEvaluations: extraPrice[by](steps) };
}
