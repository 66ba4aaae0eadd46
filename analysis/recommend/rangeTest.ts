/** A training step of a range test: the loss before it, smoothed over the steps. */
export interface RangeTestPoint {
  readonly learningRate: number;
  readonly smoothedLoss: number;
}

/** What a range test found. */
export interface RangeTestResult {
  /** Where the smoothed loss is least; a tenth of it is what is usually trained at. Null where the first loss is not finite. */
  readonly learningRate: number | null;
  readonly points: readonly RangeTestPoint[];
}

/** The rates of a range test. */
export interface RangeTestOptions {
  /** Default 1e-6. */
  readonly lowest?: number;
  /** Default 1. */
  readonly highest?: number;
  /** Default 80. */
  readonly steps?: number;
}

/** Share of the mean of losses so far in each smoothed one: half the weight lies on the last seven. */
const memory = 0.9;

/** The test ends where the smoothed loss is so many times its least. */
const broken = 4;

/**
 * The learning-rate range test: one run whose rate grows by a constant factor from step to step, until the loss breaks. Smith 2015,
 * arXiv 1506.01186; growing in powers and smoothed as by Gugger 2018, fastai's `lr_find`.
 *
 * @param step takes a training step at this rate and returns the loss before it.
 */
export async function rangeTest(
  step: (learningRate: number) => Promise<number>,
  { lowest = 1e-6, highest = 1, steps = 80 }: RangeTestOptions = {},
): Promise<RangeTestResult> {
  const points: RangeTestPoint[] = [];
  let [average, best] = [0, Number.POSITIVE_INFINITY];
  for (let taken = 0; taken < steps; taken++) {
    const learningRate = lowest * (highest / lowest) ** (taken / (steps - 1));
    const loss = await step(learningRate);
    average = memory * average + (1 - memory) * loss;
    const smoothedLoss = average / (1 - memory ** (taken + 1));
    if (!(smoothedLoss < broken * best)) break;
    best = Math.min(best, smoothedLoss);
    points.push({ learningRate, smoothedLoss });
  }
  return { learningRate: points.find(({ smoothedLoss }) => smoothedLoss === best)?.learningRate ?? null, points };
}
