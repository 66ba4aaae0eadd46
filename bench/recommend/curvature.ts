import { spectrum } from 'lambdamax/analysis';
import { warmUp } from 'lambdamax/study';
import type { SoughtAdapter } from './configurations.ts';
import { batchSize, type Experiment, seed } from './experiment.ts';
import type { CurvatureRecord } from './records.ts';

/** Rows that the Hessian is a mean over, the first ones: some thousand scored tokens. */
const measuredRows = 32;

/** How ends of spectra are found: what a study does. */
const search = { tolerance: 1e-2, maxSteps: 200, batchSize, seed } as const;
const warmup = { steps: 10, learningRate: 1e-3, batchSize, seed } as const;

/** Measures how sharp the loss is where the training of a configuration starts, to itself and as Adam sees it. */
export async function curvatureOf(
  { model, rows, start }: Experiment,
  { task, method, rank }: SoughtAdapter,
): Promise<CurvatureRecord> {
  const adapter = await start({ task, method, rank });
  const measured = rows.slice(0, measuredRows);
  const plain = await spectrum(model, adapter, measured, search);
  const { adapter: warmed, preconditioner } = await warmUp(model, adapter, rows, warmup);
  const seen = await spectrum(model, warmed, measured, { ...search, preconditioner });
  const short = (value: number): number => Number(value.toPrecision(6));
  return {
    ...{ kind: 'curvature', task, method, rank },
    lambdaMax: short(plain.lambdaMax.value),
    lambdaPre: short(seen.lambdaMax.value),
    gradientNorm: short(plain.gradientNorm),
  };
}
