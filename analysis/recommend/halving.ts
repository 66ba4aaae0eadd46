import { LambdamaxError } from '../../errors.ts';
import type { Probe, ProbePoint } from './probeSearch.ts';

/** What successive halving found. */
export interface HalvingResult {
  /** The best of the last round; null where every run diverged. */
  readonly learningRate: number | null;
  /** In the order in which they were made. */
  readonly probes: readonly ProbePoint[];
  /** What was spent, in gradients of one batch. */
  readonly gradientEvaluations: number;
}

/** What is tried, and for how much. */
export interface HalvingOptions {
  /** The rates of the first round. */
  readonly rates: readonly number[];
  /** No run is longer. */
  readonly steps: number;
  /** In gradients of one batch, as a step takes one. */
  readonly budget: number;
  /** What scoring one run takes, in the same. */
  readonly scorePrice: number;
}

/** A round with fewer steps says nothing: it is all warm-up. */
const shortest = 4;

/**
 * The best learning rate by successive halving: all rates are run briefly, the better half of them twice as long, and so on until two are
 * left, of which the better one is the answer. Every round costs about the same. Jamieson and Talwalkar 2016, arXiv 1502.07943; runs
 * begin anew in each round, since the schedule is squeezed to their length.
 *
 * @throws LambdamaxError if there are fewer than two rates, or the budget is too small for a first round of 4 steps.
 */
export async function successiveHalving(
  probe: Probe,
  { rates, steps, budget, scorePrice }: HalvingOptions,
): Promise<HalvingResult> {
  if (rates.length < 2)
    throw new LambdamaxError({ subject: 'halving', expected: 'two rates or more', got: rates.length });
  const counts = roundsOf(rates.length);
  const weight = counts.reduce((sum, count, round) => sum + count * 2 ** round, 0);
  const scoring = scorePrice * counts.reduce((sum, count) => sum + count, 0);
  const first = Math.floor((budget - scoring) / weight + 1e-9);
  if (first < Math.min(shortest, steps))
    throw new LambdamaxError({
      subject: 'budget of halving',
      expected: `at least ${Math.ceil(shortest * weight + scoring)} gradients of a batch`,
      got: Number(budget.toPrecision(4)),
    });
  const probes: ProbePoint[] = [];
  let spent = 0;
  let left = [...rates];
  for (const [round, count] of counts.entries()) {
    const length = Math.min(steps, first * 2 ** round);
    const made: ProbePoint[] = [];
    for (const learningRate of left.slice(0, count)) {
      const { score, gradientEvaluations } = await probe(learningRate, length);
      spent += gradientEvaluations;
      made.push({ learningRate, steps: length, score });
    }
    probes.push(...made);
    left = made
      .filter(({ score }) => score !== null)
      .sort((a, b) => a.score! - b.score!)
      .map(({ learningRate }) => learningRate);
    if (left.length < 2) break;
  }
  return { learningRate: left[0] ?? null, probes, gradientEvaluations: spent };
}

/** How many rates each round has: 4, 2 for four of them. */
function roundsOf(count: number): number[] {
  return count < 2 ? [] : [count, ...roundsOf(Math.floor(count / 2))];
}
