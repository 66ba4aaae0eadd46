import { join } from 'node:path';
import { updateCurvature } from '../../analysis/curvature/updateCurvature.ts';
import { findOptimum, type Optimum } from '../../analysis/rates/optimum.ts';
import { byLoss, type RatePoint, ratePoints, type Sweep } from '../../analysis/rates/sweep.ts';
import { LambdamaxError } from '../../errors.ts';
import type { TokenRow } from '../../training/data/examples.ts';
import { hashRows } from '../../training/data/hash.ts';
import type { Configuration } from '../configurations/configuration.ts';
import { readStudyFindings, type StudyFindings } from '../findings.ts';
import type { StudySpectraOptions } from '../plan/measurements.ts';
import { usualSpectra } from '../plan/measurements.ts';
import type { StudyPlan } from '../plan/plan.ts';
import type { PlannedStudy } from '../planStudy.ts';
import { carryOut, conclude } from '../study.ts';
import { openStudyWork } from '../workers.ts';
import { measuredOnce, measuredTokens, startOf, type ValidationSetting } from './setting.ts';
import type { Bounded, OnPart } from './validationTest.ts';

/** Which runs a test needs. */
export interface WantedSweep {
  /** The study's folder in that of the tests. */
  readonly name: string;
  readonly configurations: readonly Configuration[];
  readonly grid: readonly number[];
  /** A grid is continued to at most so many rates. Default: two more than it has. */
  readonly mostRates?: number;
  /** Whether the curvature of each configuration is measured. Default true. */
  readonly withCurvature?: boolean;
  /** What is trained and scored on; default: losses on the setting's rows. */
  readonly on?: (base: PlannedStudy) => PlannedStudy;
}

/** One configuration of a sweep with what was found of it. */
export interface SweptConfiguration {
  readonly configuration: Configuration;
  readonly points: readonly RatePoint[];
  /** Null where every rate diverged. */
  readonly optimum: Optimum | null;
  /** The rate that would be best by the loss beside a score that is a share; null where the score is a loss itself. */
  readonly byLoss: Optimum | null;
  readonly lambdaMax: number | null;
}

/** How the curvature of the configurations is measured. */
const spectra: StudySpectraOptions = { ...usualSpectra, tokens: measuredTokens };

/** Carries out a study in a folder of its own, which goes on where it was left, and finds each configuration's best rate. */
export async function sweepOf(
  setting: ValidationSetting,
  wanted: WantedSweep,
  onPart: OnPart,
): Promise<SweptConfiguration[]> {
  const { model, base, signal, work: options } = setting;
  const { name, configurations, grid, mostRates = grid.length + 2, withCurvature = true } = wanted;
  const { on = (study) => losses(study, setting.rows, setting.scored) } = wanted;
  const { plan, data } = on(base);
  const { spectra: _, predictors: _predictors, ...rest } = plan;
  const planned: PlannedStudy = {
    data,
    folder: join(setting.folder, name),
    plan: {
      ...rest,
      configurations,
      grid: [...grid].sort((a, b) => a - b),
      ...{ mostRates, refinements: 0, seeds: setting.seeds, seedsNearBest: 1 },
      ...(withCurvature && { spectra }),
    },
  };
  await using work = await openStudyWork(model, planned, options);
  await carryOut(planned, work, {
    signal,
    onProgress: ({ part, configuration, done, planned: parts, run, what }) => {
      const where = run ? ` at ${run.run.learningRate.toPrecision(3)}, step ${run.step}` : '';
      onPart(`${name}: ${part === 'run' ? '' : `${what} of `}${configuration}${where}`, done, parts);
    },
  });
  await conclude(planned.folder);
  return sweptOf(await readStudyFindings(planned.folder), planned.plan);
}

/** What a study that is done found of each of its configurations. */
function sweptOf({ sweep }: StudyFindings, plan: StudyPlan): SweptConfiguration[] {
  const beside = sweep.isShare ? byLoss(sweep) : null;
  const optimumOf = (name: string, of: Sweep): Optimum | null =>
    findOptimum(ratePoints(of.runs, name), of.scoreDirection, { name })?.optimum ?? null;
  return plan.configurations.map((configuration, index) => {
    const { configuration: name, lambdaMax = null } = sweep.configurations[index]!;
    return {
      ...{ configuration, points: ratePoints(sweep.runs, name), lambdaMax },
      optimum: optimumOf(name, sweep),
      byLoss: beside && optimumOf(name, beside),
    };
  });
}

/** The study with runs that are compared by their loss on some rows, in place of whatever they were compared by. */
export function losses(
  { plan, data: _, ...study }: PlannedStudy,
  rows: readonly TokenRow[],
  scored: readonly TokenRow[],
): PlannedStudy {
  const { task: _task, ...rest } = plan;
  const isHeldOut = scored !== rows;
  return {
    ...study,
    data: { rows, ...(isHeldOut && { validation: scored }) },
    plan: {
      ...rest,
      dataHash: hashRows(rows),
      validation: isHeldOut ? [`${scored.length} rows held out`] : [],
      validationHash: isHeldOut ? hashRows(scored) : null,
      score: isHeldOut ? 'validationLoss' : 'finalLoss',
    },
  };
}

/** A rate to begin a grid with: the line search's along Adam's own step. */
export async function startingRate(setting: ValidationSetting, configuration: Configuration): Promise<number> {
  const { model, rows, seeds } = setting;
  const { batchSize, method } = configuration;
  const seed = seeds[0]!;
  const { rate } = await measuredOnce(setting, configuration, { measured: 'line search', seed }, async () => {
    const adapter = await startOf(setting, configuration, seed);
    const options = { warmup: usualSpectra.warmup, batchSize, seed, exact: false, directions: 2 };
    return { rate: (await updateCurvature(model, adapter, rows, options)).lineSearch.learningRate };
  });
  if (rate !== null) return Number(rate.toPrecision(3));
  throw new LambdamaxError({
    subject: `the line search of ${method}`,
    expected: 'a rate of Adam’s step that lowers the loss',
    got: 'none',
    remedy: 'leave the tests that need a sweep out, or give other data',
  });
}

/** Rates in powers of 2 about one: `rates(r, -2, 1)` is r / 4, r / 2, r and 2 r. */
export function ratesAbout(rate: number, first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => Number((rate * 2 ** (first + index)).toPrecision(4)));
}

/** An optimum in logarithms, with its standard error: a quarter of its interval, more or less. */
export function logOf({ learningRate, low, high }: Optimum): { readonly value: number; readonly error: number } {
  return { value: Math.log(learningRate), error: Math.log(high / low) / 3.92 };
}

/** The ratio of two optima with its 95 % interval. */
export function ratioOf(over: Optimum, under: Optimum): Bounded {
  const [a, b] = [logOf(over), logOf(under)];
  const value = a.value - b.value;
  const half = 1.96 * Math.hypot(a.error, b.error);
  return { value: Math.exp(value), low: Math.exp(value - half), high: Math.exp(value + half) };
}

/** A method's name in that of a folder: of a file without its path. */
export function folderName(method: string): string {
  return method.replace(/^.*[\\/]/, '').replaceAll(/[^\w.+-]/g, '-');
}

/** A curve of scores against rates, for a figure. */
export function curveOf(points: readonly RatePoint[]) {
  return { x: points.map(({ learningRate }) => learningRate), y: points.map(({ mean }) => mean) };
}
