import { join } from 'node:path';
import { runStudy, type StudyOptions } from 'lambdamax/study';
import { nameOf, type Sought } from './configurations.ts';
import { alpha, batchSize, type Experiment, seed as firstSeed } from './experiment.ts';
import { ofConfiguration, type RecordFile, type RunRecord } from './records.ts';

/** What a sweep is carried out with. */
export interface SweepOptions {
  /** Below which studies lie, one for each configuration and length. */
  readonly folder: string;
  readonly threads: number;
  /** Where its runs are written down. */
  readonly file: RecordFile;
  readonly say: (line: string) => void;
}

/** The rates that every sweep begins with. */
const grid = [2e-3, 4e-3, 8e-3];

/** Between the rates of a sweep's grid. */
const factor = 2;

/**
 * The sweep of a configuration's first seed, if there is none: a study, whose rates no predictor has a say in. They are 1e-3 times powers
 * of 2, until the best has worse ones on both sides, then half steps beside it.
 */
export async function sweepFirst(experiment: Experiment, sought: Sought, options: SweepOptions): Promise<void> {
  const { runs } = await options.file.read();
  if (ofConfiguration(runs, sought).some(({ seed }) => seed === firstSeed)) return;
  await study(experiment, sought, options, { grid, seeds: [firstSeed] });
}

/** Runs of further seeds near the best rate of the first one, as far as they are not there. */
export async function sweepFurther(
  experiment: Experiment,
  sought: Sought,
  seeds: readonly number[],
  options: SweepOptions,
): Promise<void> {
  const runs = ofConfiguration((await options.file.read()).runs, sought);
  const rates = repeatedRates(runs.filter(({ seed }) => seed === firstSeed));
  const missing = seeds.filter((seed) => seed !== firstSeed && !runs.some((run) => run.seed === seed));
  if (missing.length === 0 || rates.length === 0) return;
  await study(experiment, sought, options, { grid: rates, seeds: missing, mostRates: 0, refinements: 0 });
}

/**
 * The rates at which further seeds run: the first seed's best one, and on either side its rate closest to a factor 2 away that did not
 * diverge. Half steps would differ from it by less than their noise. A side without any has none.
 */
export function repeatedRates(runs: readonly Pick<RunRecord, 'learningRate' | 'loss'>[]): number[] {
  const finished = runs.flatMap(({ learningRate, loss }) => (loss === null ? [] : [{ learningRate, loss }]));
  const best = finished.toSorted((a, b) => a.loss - b.loss)[0]?.learningRate;
  if (best === undefined) return [];
  const distance = (rate: number): number => Math.abs(Math.log(rate / best)) - Math.log(factor);
  const sides = [
    finished.filter(({ learningRate }) => learningRate < best),
    finished.filter(({ learningRate }) => learningRate > best),
  ].map((side) =>
    side.map(({ learningRate }) => learningRate).sort((a, b) => Math.abs(distance(a)) - Math.abs(distance(b))),
  );
  return [best, ...sides.flatMap((side) => side.slice(0, 1))].sort((a, b) => a - b);
}

async function study(
  { model, files }: Experiment,
  sought: Sought,
  { folder, threads, file, say }: SweepOptions,
  asked: Pick<StudyOptions, 'grid' | 'seeds' | 'mostRates' | 'refinements'>,
): Promise<void> {
  const { task, method, rank, steps } = sought;
  const { runs } = await runStudy(
    {
      ...{ model, ...files, threads, study: join(folder, `${nameOf(sought)} ${steps}`.replaceAll(' ', '-')) },
      ...{ configurations: [{ method, rank, steps }], alphas: [alpha], batchSizes: [batchSize], seedsNearBest: null },
      ...{ ...asked, workers: 1, spectra: null, predictors: null },
    },
    {
      onProgress: ({ done, planned, run }) => {
        if (run?.event === 'finished')
          say(
            `${done} of ${planned}: ${nameOf(sought)}, seed ${run.run.seed} at ${run.run.learningRate}: ${run.result?.status}`,
          );
      },
    },
  );
  for (const { learningRate, seed, result } of runs) {
    const loss = result.status === 'finished' ? Number(result.validationLoss?.toPrecision(6)) : null;
    await file.add({ kind: 'run', task, method, rank, learningRate, seed, loss });
  }
}
