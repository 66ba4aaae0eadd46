import { LambdamaxError } from '../../errors.ts';
import type { TraceEstimate } from '../../numerics/krylov/distribution/trace.ts';
import { type LanczosOptions, lanczos } from '../../numerics/krylov/lanczos.ts';
import type { BatchedOperator, BatchValue } from '../../numerics/krylov/operator.ts';
import type { Outcome } from '../../numerics/krylov/outcome.ts';
import { usualProducts } from '../../numerics/krylov/projected/expectedProducts.ts';
import type { EndPair, RitzPair } from '../../numerics/krylov/projected/ritzValue.ts';
import { norm } from '../../numerics/vectors.ts';
import type { Adapter } from '../../training/adapters/create.ts';
import type { TokenRow } from '../../training/data/examples.ts';
import type { AdapterLayout } from '../../training/layout/layout.ts';
import type { Model } from '../../training/model.ts';
import type { OnStage } from '../../training/stage.ts';
import { type Limit, limits } from '../rates/limits.ts';
import { type ThresholdOptions, type Thresholds, thresholds } from '../rates/thresholds.ts';
import { type AdapterCurvatureOptions, adapterCurvature } from './adapterCurvature.ts';
import { type Distribution, type DistributionOptions, distribution } from './distribution.ts';
import { standardErrorOverBatches } from './operators/batches.ts';
import { rescaled } from './operators/congruence.ts';
import type { CurvatureOperator } from './operators/curvature.ts';
import { entriesOf, groupOf, groupsByModule, type ParameterGroup } from './operators/groups.ts';
import { preconditioned } from './operators/preconditioned.ts';
import { type SampleSize, sampleSize } from './operators/sampleSize.ts';

/** An end of a spectrum. */
export interface Eigenvalue {
  readonly value: number;
  /** An eigenvalue lies within this distance of `value`. */
  readonly residualBound: number;
  /** An end of the spectrum alone: it lies within this distance, with a chance of 99.7 % over the start vectors. */
  readonly errorBound?: number;
  /** The part of both bounds that is for the rounding of products; an end of the spectrum alone. */
  readonly roundingBound?: number;
  /** Over batches; null if there was one batch only. */
  readonly standardError: number | null;
}

/** The curvature of the loss in one module's adapter tensors, all else held fixed. */
export interface ModuleSpectrum {
  readonly name: string;
  readonly parameters: number;
  readonly lambdaMax: number;
  readonly lambdaMin: number;
  /** How far off either may be, as that of an {@link Eigenvalue}. */
  readonly errorBounds: { readonly lambdaMax: number; readonly lambdaMin: number };
  readonly outcome: Outcome;
  /** With notFinite: the batch and tensor where it arose, in words. */
  readonly fault?: string;
  readonly products: number;
}

/** How sharp the loss is in an adapter's parameters. */
export interface SpectrumResult {
  /** `ggn`: the Gauss-Newton matrix; `adam`: the Hessian preconditioned by Adam's second moments. */
  readonly operator: 'hessian' | 'ggn' | 'adam';
  readonly method: string;
  /** The number of variables: all of the adapter, or those that were chosen. */
  readonly parameters: number;
  /** Scored tokens. */
  readonly tokens: number;
  readonly batches: number;
  /** Batches whose values were kept between products; which depends on the memory that was free, and so do last digits. */
  readonly keptBatches: number;
  readonly lambdaMax: Eigenvalue;
  readonly lambdaMin: Eigenvalue;
  readonly outcome: Outcome;
  /** With notFinite: the batch and tensor where it arose, in words. */
  readonly fault?: string;
  /** Operator products for the two ends. */
  readonly products: number;
  /** The sequences that bring lambdaMax's standard error over batches to 5 %; null if there was one batch. */
  readonly sampleSize: SampleSize | null;
  /** The whole time. */
  readonly seconds: number;
  /** The part of `seconds` until the first product could begin. */
  readonly setupSeconds: number;
  /** Largest resident memory of the process, and of workers, so far. */
  readonly peakMegabytes: number;
  readonly loss: number;
  readonly gradientNorm: number;
  /** The largest, in descending order, with how the search for them ended. */
  readonly topEigenvalues?: readonly Eigenvalue[];
  readonly topOutcome?: Outcome;
  readonly trace?: TraceEstimate;
  readonly density?: Distribution['density'];
  readonly modules?: readonly ModuleSpectrum[];
  readonly thresholds: Thresholds;
  /** The thresholds with their formulas, assumptions and sources. */
  readonly limits: readonly Limit[];
}

/** What is measured, and how well. */
export interface SpectrumOptions
  extends AdapterCurvatureOptions,
    Pick<LanczosOptions, 'tolerance' | 'maxSteps' | 'seed' | 'onStep'>,
    Pick<DistributionOptions, 'topK' | 'traceProducts' | 'density'>,
    Pick<ThresholdOptions, 'momentum' | 'beta1' | 'weightDecay' | 'schedule'> {
  /** The modules whose tensors are the variables; default: all. */
  readonly modules?: readonly string[];
  /** Whether each module's own block is measured besides. */
  readonly perModule?: boolean;
  /** P of Adam, sqrt(v) + eps for each parameter, to measure P^-1/2 H P^-1/2 instead of H (the Hessian only). */
  readonly preconditioner?: Float64Array;
  /** Each parameter's rate over the base rate, D, to measure D^1/2 H D^1/2: its limits are of the base rate. */
  readonly rateFactors?: Float64Array;
}

/**
 * Both ends of the spectrum of the Hessian (or Gauss-Newton matrix) of the mean loss over the rows' scored tokens, in an
 * adapter's parameters where they stand. The batches are linearised once and kept for all products, as far as memory allows.
 */
export async function spectrum(
  model: Model,
  adapter: Adapter,
  rows: readonly TokenRow[],
  options: SpectrumOptions,
): Promise<SpectrumResult> {
  const started = performance.now();
  const { curvature: kind = 'hessian', preconditioner } = options;
  if (preconditioner !== undefined && kind !== 'hessian')
    throw new LambdamaxError({ subject: 'preconditioned spectrum', expected: 'the curvature hessian', got: kind });
  await using whole = await adapterCurvature(model, adapter, rows, options);
  const { layout } = adapter;
  const chosen = options.modules ?? [...layout.modules.keys()];
  await using variables = await variablesOf(whole, groupOf(layout, chosen, 'the variables'), options);
  const setupSeconds = (performance.now() - started) / 1000;
  const operator = tellingOfRounding(variables.operator, options.onStage);
  options.onStage?.({ name: 'products', done: 0, total: usualProducts + productsAfter });
  const found = await lanczos(operator, options);
  const quotients = await quotientsAt(operator, found.lambdaMax);
  const lambdaMax = eigenvalue(found.lambdaMax, quotients);
  const lambdaMin = eigenvalue(found.lambdaMin, await quotientsAt(operator, found.lambdaMin));
  const limiting = thresholdOptions(lambdaMax.value, options);
  const modules = options.perModule ? await perModule(whole, layout, chosen, options) : undefined;
  // Where one product is not finite, the outcome says so; others would say it again.
  const { top, ...rest } =
    found.outcome === 'notFinite'
      ? {}
      : await distribution(operator, {
          ...options,
          onProduct: (name, done, total) => options.onStage?.({ name, done, total }),
        });
  const topEigenvalues: Eigenvalue[] = [];
  for (const pair of top?.pairs ?? []) topEigenvalues.push(eigenvalue(pair, await quotientsAt(operator, pair)));
  return {
    operator: preconditioner ? 'adam' : kind === 'gaussNewton' ? 'ggn' : 'hessian',
    method: adapter.method.name,
    parameters: operator.size,
    tokens: whole.tokens,
    batches: whole.batches,
    keptBatches: whole.keptBatches,
    lambdaMax,
    lambdaMin,
    outcome: found.outcome,
    ...(found.fault === undefined ? {} : { fault: found.fault }),
    products: found.products,
    sampleSize: quotients === null ? null : sampleSize(quotients, rows.length),
    seconds: (performance.now() - started) / 1000,
    setupSeconds,
    peakMegabytes: await whole.peakMegabytes(),
    loss: whole.loss,
    gradientNorm: norm(whole.gradient),
    ...(top ? { topEigenvalues, topOutcome: top.outcome } : {}),
    ...rest,
    ...(modules ? { modules } : {}),
    thresholds: thresholds(limiting),
    limits: limits(limiting),
  };
}

/**
 * What the ends of a spectrum take after the search for them, in products: a quotient at each, and to measure rounding another
 * linearisation, which takes about as long as a product, and a product each.
 */
export const productsAfter = 5;

function tellingOfRounding(operator: BatchedOperator, onStage: OnStage = () => {}): BatchedOperator {
  const { rerounded } = operator;
  if (rerounded === undefined) return operator;
  return {
    ...operator,
    rerounded(vectors) {
      onStage({ name: 'rounding', done: 0, total: vectors.length });
      return rerounded(vectors);
    },
  };
}

/**
 * The curvature in a group of parameters, as the optimizer sees it where there is a preconditioner or there are several rates. All
 * of them together need no block of their own.
 */
async function variablesOf(
  whole: CurvatureOperator,
  group: ParameterGroup,
  { preconditioner, rateFactors }: SpectrumOptions,
): Promise<{ readonly operator: BatchedOperator; [Symbol.asyncDispose](): Promise<void> }> {
  const block = group.size === whole.size ? undefined : await whole.block(group.tensors);
  const curvature = block ?? whole;
  const scaled = rateFactors ? rescaled(curvature, entriesOf(group, rateFactors).map(Math.sqrt)) : curvature;
  return {
    operator: preconditioner ? preconditioned(scaled, entriesOf(group, preconditioner)) : scaled,
    [Symbol.asyncDispose]: async () => block?.release(),
  };
}

/** One module after another, so that what is compiled for each is freed before the next. */
async function perModule(
  whole: CurvatureOperator,
  layout: AdapterLayout,
  modules: readonly string[],
  options: SpectrumOptions,
): Promise<ModuleSpectrum[]> {
  const spectra: ModuleSpectrum[] = [];
  const { onStep: _, ...search } = options;
  for (const group of groupsByModule(layout, modules)) {
    options.onStage?.({ name: 'modules', done: spectra.length, total: modules.length });
    await using variables = await variablesOf(whole, group, options);
    const { lambdaMax, lambdaMin, ...rest } = await lanczos(variables.operator, search);
    const ends = { lambdaMax: lambdaMax?.value ?? Number.NaN, lambdaMin: lambdaMin?.value ?? Number.NaN };
    const errorBounds = {
      lambdaMax: lambdaMax?.errorBound ?? Number.NaN,
      lambdaMin: lambdaMin?.errorBound ?? Number.NaN,
    };
    spectra.push({ name: group.name, parameters: group.size, ...ends, errorBounds, ...rest });
  }
  return spectra;
}

type Quotients = readonly BatchValue[];

async function quotientsAt(operator: BatchedOperator, pair: RitzPair | null): Promise<Quotients | null> {
  return pair === null ? null : operator.rayleighQuotients(inPrecisionOf(operator, pair));
}

function eigenvalue(pair: RitzPair | EndPair | null, quotients: Quotients | null): Eigenvalue {
  if (pair === null || quotients === null) return { value: Number.NaN, residualBound: Number.NaN, standardError: null };
  const { vector: _, ...known } = pair;
  return { ...known, standardError: standardErrorOverBatches(quotients) };
}

function inPrecisionOf({ precision }: BatchedOperator, { vector }: RitzPair) {
  return precision === 'float64' ? vector : Float32Array.from(vector);
}

/** An eigenvalue of the preconditioned Hessian says what Adam allows, one of the Hessian what gradient descent does. */
function thresholdOptions(lambda: number, options: SpectrumOptions): ThresholdOptions {
  const { preconditioner, rateFactors } = options;
  if (!preconditioner) return { ...options, lambdaMax: lambda };
  const adam = rateFactors ? { twoRateLambdaMax: lambda } : { preconditionedLambdaMax: lambda };
  return { ...options, ...adam, lambdaMax: Number.NaN };
}
