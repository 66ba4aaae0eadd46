import { type Vector, zeros } from '../../compute/index.ts';
import { LambdamaxError } from '../../errors.ts';
import type { Adapter } from '../adapters/create.ts';
import { batchesOf, rowsByStep, toBatch } from '../data/batches.ts';
import { scoredPositions, type TokenRow } from '../data/examples.ts';
import { bucketLength, drawnLengths, type PadTo } from '../data/paddedLengths.ts';
import { evaluate } from '../evaluate.ts';
import { requireFiniteLoss, requireFiniteWeights } from '../finiteLoss.ts';
import { layoutTensors, trainingLayout } from '../layout/layout.ts';
import type { Model } from '../model.ts';
import { clipGlobalNorm, globalNorm } from '../optimizers/clipping.ts';
import { segmentsOf } from '../optimizers/groups.ts';
import { createOptimizer, type OptimizerOptions } from '../optimizers/index.ts';
import type { StepRule } from '../optimizers/optimizer.ts';
import { highestRate, learningRateAt, type Schedule } from '../optimizers/schedules.ts';
import { paddingFor } from '../padding.ts';
import { unscored, type Validation, type ValidationScore, validate } from '../validation.ts';
import type { Sharpness, StepMetrics } from './metrics.ts';
import type { RunState } from './runState.ts';

/** Where a run stands after a step. */
export interface TrainingPoint {
  /** Training moves its parameters on; they may be read only until the measurement is done. */
  readonly adapter: Adapter;
  /** Counted from 1. */
  readonly step: number;
  /** The step's learning rate. */
  readonly learningRate: number;
  /** What the optimizer did in it; absent where that is no linear rule. */
  readonly rule?: StepRule | undefined;
  /** What measurements leave here for the next one, by name. It is a part of the run's state. */
  readonly kept: Map<string, Float64Array>;
}

/** How an adapter is trained. */
export interface FinetuneOptions extends Schedule {
  /** One of `optimizerNames`. */
  readonly optimizer: string;
  readonly optimizerOptions?: OptimizerOptions;
  /** Rows a step. */
  readonly batchSize: number;
  /** Rows computed at once; gradients are added up over a step. Default: all rows of the step. */
  readonly microBatch?: number;
  /** Seed of the order of the rows. */
  readonly seed: number;
  readonly shuffle: boolean;
  /** Gradients with a larger norm are scaled down to it; null or absent: never. */
  readonly maxGradNorm?: number | null;
  /** What the trained adapter is scored on, */
  readonly validation?: Validation;
  /** and also after every so many steps. */
  readonly validateEvery?: number;
  /** A loss above it is a divergence; if absent, twice the loss of the first step or of knowing nothing, log vocabulary. */
  readonly maxLoss?: number;
  /** `measureSharpness` is asked after every so many steps, and its answer joins the metrics of the step. */
  readonly sharpnessEvery?: number;
  /** Training waits for it; it must change nothing but what is `kept`. */
  readonly measureSharpness?: (point: TrainingPoint) => Promise<Sharpness>;
  readonly onStep?: (metrics: StepMetrics) => void;
  /** The state is handed to `onSave` after every so many steps, and after the last. */
  readonly saveEvery?: number;
  /** Training waits for it; it may keep the vectors only as long. */
  readonly onSave?: (state: RunState) => Promise<void>;
  /** Goes on from here, bit for bit as the run that it is of, given the same adapter to start from and the same options. */
  readonly from?: RunState;
  /** Seconds that went before, on opening the model and the adapter's initial values: a part of the run's. Default 0. */
  readonly secondsBefore?: number;
}

/** What became of a run; it has no score without validation, and none after a divergence. */
export interface FinetuneResult extends ValidationScore {
  readonly status: 'finished' | 'diverged';
  /** Steps taken. */
  readonly steps: number;
  /** Whether any tensor has a learning rate above 0 in any of the steps; without one the adapter stays as it was. */
  readonly trained: boolean;
  /** Tokens seen, padding not counted. */
  readonly tokens: number;
  /** Mean loss over the first step's batch, before training. */
  readonly initialLoss: number;
  /** After the last step, on the rows that the last tenth of the steps saw (at most 512); null after a divergence. */
  readonly finalLoss: number | null;
  /** Why training was ended early, in words. */
  readonly reason: string | null;
  readonly seconds: number;
}

/**
 * Trains an adapter's parameters in place. A loss that stops being a number, or is far above where it began, ends the run as
 * `diverged`: an outcome, not an error. The order of the rows and every number follow from the options alone.
 *
 * Throws a LambdamaxError for no rows, and for a loss that is no number before the first step, or at any where a weight of the
 * model is none.
 */
export async function finetune(
  model: Model,
  adapter: Adapter,
  rows: readonly TokenRow[],
  options: FinetuneOptions,
): Promise<FinetuneResult> {
  const { steps, batchSize, microBatch = batchSize, maxGradNorm, validation, from } = options;
  requireRows('rows to train on', rows);
  if (validation && !('family' in validation)) requireRows('rows to validate on', validation);
  const { saveEvery = steps, validateEvery = Infinity, sharpnessEvery = Infinity, measureSharpness } = options;
  const began = performance.now() - 1000 * ((from?.seconds ?? 0) + (options.secondsBefore ?? 0));
  const elapsed = () => (performance.now() - began) / 1000;
  const optimizer = createOptimizer(options.optimizer, layoutTensors(adapter.layout), options.optimizerOptions);
  const factors = segmentsOf(layoutTensors(adapter.layout), { groups: options.optimizerOptions?.groups ?? [] });
  const trained = highestRate(options) > 0 && factors.some(({ rateFactor }) => rateFactor > 0);
  const rowsOf = rowsByStep(rows, batchSize, options.seed, options.shuffle);
  const atOnce = Math.min(microBatch, batchSize);
  const lengths = rows.map(({ inputIds }) => inputIds.length);
  const batches = steps * Math.ceil(batchSize / atOnce);
  const padTo = paddingFor(model, 'gradient', atOnce, drawnLengths(lengths, atOnce, batches));
  let { steps: taken, tokens, initialLoss } = from ?? { steps: 0, tokens: 0, initialLoss: Number.NaN };
  if (from) {
    optimizer.restore(from.optimizer);
    adapter.parameters.set(from.parameters);
  }
  const ended = (finalLoss: number | null, score: ValidationScore, reason: string | null): FinetuneResult => ({
    status: reason === null ? 'finished' : 'diverged',
    steps: taken,
    trained,
    tokens,
    initialLoss,
    finalLoss,
    ...score,
    reason,
    seconds: elapsed(),
  });

  const kept = new Map(from?.kept);
  let score: ValidationScore | undefined;
  while (taken < steps) {
    const step = taken;
    const chosen = rowsOf(step);
    const { value, gradient } = await stepGradient(model, adapter, chosen, { microBatch, padTo });
    const learningRate = learningRateAt(step, options);
    const gradientNorm = maxGradNorm ? clipGlobalNorm(gradient, maxGradNorm) : globalNorm(gradient);
    const stepTokens = chosen.reduce((sum, row) => sum + row.inputIds.length, 0);
    if (step === 0) initialLoss = value;
    taken += 1;
    tokens += stepTokens;
    const metrics = { step: taken, loss: value, learningRate, gradientNorm, tokens: stepTokens };
    if (step === 0) {
      await requireFiniteLoss(model, 'loss before the first step', value);
      await requireFiniteLoss(model, "norm of the loss's gradient before the first step", gradientNorm);
    }
    if (!Number.isFinite(value)) await requireFiniteWeights(model);
    const maxLoss = options.maxLoss ?? 2 * Math.max(initialLoss, Math.log(model.config.vocabSize));
    const reason = divergence(taken, value, gradientNorm, maxLoss);
    if (reason !== null) {
      options.onStep?.({ ...metrics, seconds: elapsed() });
      return ended(null, unscored, reason);
    }
    const { parameters } = adapter;
    const lossAt = async (point: Vector): Promise<number> =>
      (await evaluate(model, chosen, { adapter: { ...adapter, parameters: point }, batchSize: atOnce })).loss;
    await optimizer.lookAhead?.({ parameters, gradient, learningRate, loss: value, lossAt });
    optimizer.step(parameters, gradient, learningRate);
    const isDue = validation !== undefined && taken % validateEvery === 0;
    score = isDue ? await validate(model, adapter, validation, batchSize) : undefined;
    const isMeasured = measureSharpness !== undefined && taken % sharpnessEvery === 0;
    const measured = isMeasured
      ? {
          sharpness: await measureSharpness({ adapter, step: taken, learningRate, rule: optimizer.stepRule?.(), kept }),
        }
      : {};
    options.onStep?.({ ...metrics, ...stepScore(score ?? unscored), ...measured, seconds: elapsed() });
    if (taken % saveEvery === 0 || taken === steps) {
      const run = { steps: taken, tokens, initialLoss, seconds: elapsed() };
      await options.onSave?.({ ...run, parameters, optimizer: optimizer.state(), kept });
    }
  }

  const last = Array.from({ length: Math.ceil(steps / 10) }, (_, back) => steps - 1 - back);
  const recent = new Set(last.flatMap(rowsOf));
  const seen = [...recent].slice(0, 512);
  const { loss: finalLoss } = await evaluate(model, seen, { adapter, batchSize });
  if (!Number.isFinite(finalLoss)) await requireFiniteWeights(model);
  const ruined = ruin(initialLoss, finalLoss);
  if (ruined !== null) return ended(null, unscored, ruined);
  score ??= validation ? await validate(model, adapter, validation, batchSize) : unscored;
  const { validationLoss } = score;
  const isUsable = validationLoss === null || Number.isFinite(validationLoss);
  if (!isUsable) await requireFiniteWeights(model);
  return isUsable ? ended(finalLoss, score, null) : ended(null, unscored, `loss is ${validationLoss} at the end`);
}

function requireRows(subject: string, { length }: { readonly length: number }): void {
  if (length === 0) throw new LambdamaxError({ subject, expected: 'one at least', got: 'none' });
}

/** What metrics.jsonl says of a score: what there is. */
function stepScore({
  validationLoss,
  accuracy,
  exactMatch,
}: ValidationScore): Pick<StepMetrics, 'validationLoss' | 'accuracy' | 'exactMatch'> {
  return {
    ...(validationLoss !== null && { validationLoss }),
    ...(accuracy !== null && { accuracy }),
    ...(exactMatch !== null && { exactMatch }),
  };
}

/** How the rows of a step are computed. */
export interface StepGradientOptions {
  /** Rows computed at once. Default: all of them. */
  readonly microBatch?: number;
  /** What rows are padded to. Default: the next of few lengths. */
  readonly padTo?: PadTo;
}

/** The mean loss over a step's scored positions and its gradient, added up over micro-batches in proportion to those. */
export async function stepGradient(
  model: Model,
  adapter: Adapter,
  rows: readonly TokenRow[],
  { microBatch = rows.length, padTo = bucketLength }: StepGradientOptions = {},
): Promise<{ value: number; gradient: Vector }> {
  const total = rows.reduce((sum, row) => sum + scoredPositions(row), 0);
  const atOnce = Math.min(microBatch, rows.length);
  const parts = batchesOf(rows, microBatch).map((part) =>
    toBatch(part, { rows: atOnce, padTo, precision: model.precision }),
  );
  const gradientOf = (batch: (typeof parts)[number]) =>
    model.program(trainingLayout(adapter.layout), batch).gradient(adapter, batch.inputs);
  if (parts.length === 1) return gradientOf(parts[0]!);

  const gradient = zeros(adapter.parameters.length, model.precision);
  let value = 0;
  for (const batch of parts) {
    const part = await gradientOf(batch);
    const weight = batch.scored / total;
    value += weight * part.value;
    for (let index = 0; index < gradient.length; index++) gradient[index]! += weight * part.gradient[index]!;
  }
  return { value, gradient };
}

/** Why a run is given up, in words, or null: a loss of twice what knowing nothing costs is not coming back. */
function divergence(step: number, loss: number, gradientNorm: number, maxLoss: number): string | null {
  if (!Number.isFinite(loss)) return `loss is ${loss} at step ${step}`;
  if (!Number.isFinite(gradientNorm)) return `gradient norm is ${gradientNorm} at step ${step}`;
  return loss > maxLoss ? `loss ${loss.toFixed(2)} at step ${step} is above ${maxLoss.toFixed(2)}` : null;
}

/**
 * Why a run that went to its end is of no use, in words, or null. Normalisation keeps the loss of a decoder finite at any
 * rate; one that ends half as high again as it began has broken what the base model knew.
 */
function ruin(initialLoss: number, finalLoss: number): string | null {
  if (!Number.isFinite(finalLoss)) return `loss is ${finalLoss} at the end`;
  const broken = finalLoss > 1.5 * initialLoss;
  return broken ? `loss ${finalLoss.toFixed(2)} at the end, ${initialLoss.toFixed(2)} at the start` : null;
}
