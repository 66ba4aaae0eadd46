import { ArgumentError, LambdamaxError } from '../../errors.ts';
import type { Adapter } from '../../training/adapters/create.ts';
import type { TokenRow } from '../../training/data/examples.ts';
import { holdOut } from '../../training/data/split.ts';
import { type FinetuneOptions, finetune } from '../../training/finetune/finetune.ts';
import type { Model } from '../../training/model.ts';
import { loraPlusDefaults } from '../../training/optimizers/loraPlus.ts';
import { requireTraining } from '../../training/optimizers/schedules.ts';
import { forwardPrice, type UpdateCurvature, updateCurvature } from '../curvature/updateCurvature.ts';
import { basisOfCurvature, basisOfProbes } from './basis.ts';
import { curvatureOptimum } from './curvatureRate.ts';
import { recommendDefaults } from './defaults.ts';
import { agree, extrapolate, type LengthOptimum, type RateEstimate } from './extrapolation.ts';
import { type Probe, type ProbePoint, type ProbeRound, type ProbesEnded, probeSearch } from './probeSearch.ts';
import { priorRate, ruleOfThumb } from './ruleOfThumb.ts';

/** A learning rate for one run, and what it rests on. */
export interface Recommendation {
  /** Peak of the run's schedule. */
  readonly learningRate: number;
  /** 95 % interval of the best rate, as far as the assumptions hold that `basis` names. */
  readonly low: number;
  readonly high: number;
  readonly by: 'probes' | 'curvature';
  /** What it rests on, in words. */
  readonly basis: string;
  /** Optimizer steps of the run that the rate is for. */
  readonly steps: number;
  /** Exact products with a curvature matrix. */
  readonly products: number;
  /** The price in gradients of one batch, as a step of the run takes one; a forward pass counts as half. */
  readonly gradientEvaluations: number;
  /** In the order in which they were made; empty by curvature. */
  readonly probes: readonly ProbePoint[];
  /** The best rate at each length of probes; empty by curvature. */
  readonly rounds: readonly ProbeRound[];
  /** Why no more probes were made; null by curvature. */
  readonly ended: ProbesEnded | null;
  /** What the rule of thumb says of this model and adapter; null where there is none, or where it does not count. */
  readonly prior: RateEstimate | null;
  /** The line search along Adam's update; null where probes began at a rate that was given. */
  readonly alongUpdate: UpdateCurvature | null;
  readonly seconds: number;
}

/** How far a recommendation is. */
export interface RecommendProgress {
  /** What it is doing, in words. */
  readonly words: string;
  readonly gradientEvaluations: number;
}

/** The run that a rate is wanted for, as `finetune` takes it, and how it is to be found. */
export interface RecommendOptions extends Omit<FinetuneOptions, 'learningRate' | 'validation' | UnusedOptions> {
  /** Default `probes`. */
  readonly by?: 'probes' | 'curvature';
  /** What probes may cost, as a part of the run's own gradient evaluations; default 0.1. */
  readonly budget?: number;
  /** The rate of the first probe; default: from a line search along Adam's update. */
  readonly start?: number;
  /** Rows to score probes with; default: one row in eight is kept from training for it. */
  readonly validation?: readonly TokenRow[];
  /** Whether the published rule of thumb counts too, where there is one; default true. */
  readonly prior?: boolean;
  /** Steps of Adam before the line search, and their learning rate. */
  readonly warmup?: { readonly steps: number; readonly learningRate: number };
  readonly onProgress?: (progress: RecommendProgress) => void;
}

type UnusedOptions = 'validateEvery' | 'onStep' | 'saveEvery' | 'onSave' | 'from';

/** Enough to tell rates apart that matter: the runs' own noise is larger than the scores'. */
const mostScored = 32;

/** Updates that a line search is a mean over: where probes follow, it has only to be right to a factor of 4. */
const directions = { probes: 2, curvature: 4 };

/**
 * A learning rate for one method on these rows, for a run of `steps` steps: by probe runs that cost a part of it, or by curvature
 * along Adam's update alone. The adapter is left as it is. Deterministic, given the same options.
 *
 * Throws a LambdamaxError if there is nothing to train or to score on, if the budget is too small for probes, or if all of
 * them diverged; an ArgumentError where the optimizer is not Adam and no rate to begin with is given.
 */
export async function recommend(
  model: Model,
  adapter: Adapter,
  rows: readonly TokenRow[],
  options: RecommendOptions,
): Promise<Recommendation> {
  const began = performance.now();
  const { by = recommendDefaults.by, steps } = options;
  requireTraining({ ...options, learningRate: 1 });
  const found =
    by === 'probes' ? await byProbes(model, adapter, rows, options) : await byCurvature(model, adapter, rows, options);
  const { rate, ...rest } = found;
  return {
    learningRate: rate.learningRate,
    low: rate.learningRate * Math.exp(-1.96 * rate.logError),
    high: rate.learningRate * Math.exp(1.96 * rate.logError),
    ...rest,
    by,
    steps,
    products: 0,
    seconds: (performance.now() - began) / 1000,
  };
}

type Found = Pick<
  Recommendation,
  'basis' | 'prior' | 'gradientEvaluations' | 'probes' | 'rounds' | 'ended' | 'alongUpdate'
> & {
  readonly rate: RateEstimate;
};

async function byCurvature(
  model: Model,
  adapter: Adapter,
  rows: readonly TokenRow[],
  options: RecommendOptions,
): Promise<Found> {
  requireRows(rows, 1, 'a row to train on');
  const alongUpdate = await measureUpdate(model, adapter, rows, options, 'curvature');
  const prior = priorOf(model, adapter, options);
  const rate = extrapolate([optimumAlong(alongUpdate)], options.steps, prior);
  const basis = basisOfCurvature(alongUpdate, options.steps, prior);
  const { gradientEvaluations } = alongUpdate;
  return { rate, basis, prior, gradientEvaluations, probes: [], rounds: [], ended: null, alongUpdate };
}

async function byProbes(
  model: Model,
  adapter: Adapter,
  rows: readonly TokenRow[],
  options: RecommendOptions,
): Promise<Found> {
  const { steps, batchSize, budget = recommendDefaults.budget, start: given, onProgress } = options;
  const { probe, scorePrice, training, scored } = shortRuns(model, adapter, rows, options);
  const alongUpdate = given === undefined ? await measureUpdate(model, adapter, training, options, 'probes') : null;
  const spent = alongUpdate?.gradientEvaluations ?? 0;
  const prior = priorOf(model, adapter, options);
  // Without a rate that lowers the loss, the rule of thumb is what is left to begin with.
  const optimum = alongUpdate && curvatureOptimum(alongUpdate.lineSearch);
  if (alongUpdate && optimum === null && prior === null) throw noLowerLoss(alongUpdate);
  const known = optimum === null ? [] : [optimum];
  const search = await probeSearch(probe, {
    steps,
    start: (length) => given ?? (optimum === null ? prior! : extrapolate(known, length, prior)).learningRate,
    // Each of the two can be far off where nobody has tried it; hardly both, and on the same side.
    startKnown: prior !== null && known.some((one) => agree(one, prior)),
    anchor: prior,
    budget: budget * steps,
    spent,
    scorePrice,
    onProbe: ({ learningRate, steps: length }, gradientEvaluations) =>
      onProgress?.({ words: `${length} steps at ${learningRate.toExponential(1)}`, gradientEvaluations }),
  });
  const { probes, rounds, ended, gradientEvaluations } = search;
  const basis = basisOfProbes(search, {
    steps,
    scoredRows: scored.length,
    epochs: (steps * batchSize) / training.length,
    prior,
  });
  return { rate: search, basis, prior, gradientEvaluations, probes, rounds, ended, alongUpdate };
}

/** Short runs, what they train on and are scored with, and what scoring one takes in gradients of one batch. */
export interface ShortRuns {
  readonly probe: Probe;
  readonly training: readonly TokenRow[];
  readonly scored: readonly TokenRow[];
  readonly scorePrice: number;
}

/** Runs of the same schedule over fewer steps, from the same start, over the same rows in the same order, on the same scored rows. */
export function shortRuns(
  model: Model,
  start: Adapter,
  rows: readonly TokenRow[],
  options: RecommendOptions,
): ShortRuns {
  const { training, scored } = split(rows, options.validation);
  const { by: _by, budget: _budget, start: _start, prior: _prior, warmup: _warmup, onProgress: _, ...run } = options;
  const warmupRatio = run.warmupSteps / run.steps;
  const scorePrice = (forwardPrice * scored.length) / run.batchSize;
  const probe: Probe = async (learningRate, steps) => {
    const adapter = { ...start, parameters: start.parameters.slice() };
    const { validationLoss, steps: taken } = await finetune(model, adapter, training, {
      ...run,
      learningRate,
      steps,
      warmupSteps: Math.ceil(warmupRatio * steps - 1e-9),
      validation: scored,
    });
    return { score: validationLoss, gradientEvaluations: taken + (validationLoss === null ? 0 : scorePrice) };
  };
  return { probe, training, scored, scorePrice };
}

async function measureUpdate(
  model: Model,
  adapter: Adapter,
  rows: readonly TokenRow[],
  options: RecommendOptions,
  by: keyof typeof directions,
): Promise<UpdateCurvature> {
  const {
    optimizer,
    optimizerOptions = {},
    batchSize,
    seed,
    shuffle,
    warmup = recommendDefaults.warmup,
    onProgress,
  } = options;
  if (!/^adamw?$|^lora\+$|^loft$/.test(optimizer))
    throw new ArgumentError({
      subject: 'start',
      expected: `a rate to begin with, as the line search follows Adam and not ${optimizer}`,
      got: 'none',
    });
  onProgress?.({ words: "line search along Adam's update", gradientEvaluations: 0 });
  const { betas, eps, loraPlusRatio } = optimizerOptions;
  return updateCurvature(model, adapter, rows, {
    ...{ warmup, directions: directions[by], batchSize, seed, shuffle, exact: false },
    // Probes need none, and pay for what is spent before them.
    critical: by === 'curvature',
    adam: { ...(betas && { betas }), ...(eps !== undefined && { eps }) },
    ...(optimizer === 'lora+' && { loraPlusRatio: loraPlusRatio ?? loraPlusDefaults.loraPlusRatio }),
  });
}

function optimumAlong(along: UpdateCurvature): LengthOptimum {
  const optimum = curvatureOptimum(along.lineSearch);
  if (optimum === null) throw noLowerLoss(along);
  return optimum;
}

function noLowerLoss({ warmup }: UpdateCurvature): LambdamaxError {
  return new LambdamaxError({
    subject: "line search along Adam's update",
    expected: 'a rate that lowers the loss',
    got: `none, after ${warmup.steps} steps at ${warmup.learningRate}`,
    remedy: 'lower `warmup.learningRate`, or use `by: probes` with `start: RATE`',
  });
}

/** The rule of thumb is for low-rank adapters under Adam, A and B at one rate. */
function priorOf(
  model: Model,
  { layout }: Adapter,
  { optimizer, prior = recommendDefaults.prior }: RecommendOptions,
): RateEstimate | null {
  const { form, modules } = layout;
  if (!prior || form.peft?.type !== 'LORA' || !/^adamw?$/.test(optimizer)) return null;
  return priorRate(
    ruleOfThumb(model.config),
    [...modules.values()].map(({ size }) => ({ rank: size.rank, alpha: form.scaling(size) * size.rank })),
  );
}

/** Rows to train probes on and rows to score them with. Too few rows to part are used for both. */
function split(
  rows: readonly TokenRow[],
  validation: readonly TokenRow[] | undefined,
): { readonly training: readonly TokenRow[]; readonly scored: readonly TokenRow[] } {
  requireRows(rows, validation === undefined ? 2 : 1, 'rows to train on and to score with');
  const held = validation === undefined ? holdOut(rows) : { training: rows, validation };
  const scored = held.validation.length === 0 ? rows : held.validation;
  return { training: held.training, scored: scored.slice(0, mostScored) };
}

function requireRows(rows: readonly TokenRow[], least: number, expected: string): void {
  if (rows.length < least)
    throw new LambdamaxError({ subject: 'rows for a recommendation', expected, got: rows.length });
}
