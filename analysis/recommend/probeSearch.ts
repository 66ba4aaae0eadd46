import { LambdamaxError } from '../../errors.ts';
import { findOptimum } from '../rates/optimum.ts';
import { bestPoint, isOffCliff, type RatePoint } from '../rates/sweep.ts';
import { type Extrapolation, extrapolate, type LengthOptimum, type RateEstimate } from './extrapolation.ts';

/** What became of one probe run. */
export interface ProbeOutcome {
  /** Lower is better; null: it diverged. */
  readonly score: number | null;
  /** What it took, in gradients of one batch; less than planned if it diverged early. */
  readonly gradientEvaluations: number;
}

/** Trains for so many steps with this peak rate, on the schedule of the real run squeezed to them, and scores the result. */
export type Probe = (learningRate: number, steps: number) => Promise<ProbeOutcome>;

/** One probe that was made. */
export interface ProbePoint {
  readonly learningRate: number;
  readonly steps: number;
  readonly score: number | null;
}

/** The best rate at one length, and whether worse rates lie on both sides of it. */
export interface ProbeRound extends LengthOptimum {
  readonly bracketed: boolean;
}

/** Why no more probes were made. */
export type ProbesEnded = 'budget' | 'settled' | 'full length';

/** What probe runs found. */
export interface ProbeSearchResult extends Extrapolation {
  /** In the order in which they were made. */
  readonly probes: readonly ProbePoint[];
  /** By length, ascending. */
  readonly rounds: readonly ProbeRound[];
  /** What was spent in all, in gradients of one batch. */
  readonly gradientEvaluations: number;
  readonly ended: ProbesEnded;
}

/** How much may be spent, and on what. */
export interface ProbeSearchOptions {
  /** Optimizer steps of the run that the rate is for. */
  readonly steps: number;
  /** The rate at which the first probe is made, if that is of so many steps. */
  readonly start: (steps: number) => number;
  /** Whether that is likely to be within a factor of 2 of the best one; default false. */
  readonly startKnown?: boolean;
  /** What is known of the best rate besides. */
  readonly anchor?: RateEstimate | null;
  /** In gradients of one batch, as a step takes one. */
  readonly budget: number;
  /** What of it is gone before the first probe; default 0. */
  readonly spent?: number;
  /** What scoring one probe takes, in the same. */
  readonly scorePrice: number;
  /** Called before each probe, with what has been spent. */
  readonly onProbe?: (probe: Omit<ProbePoint, 'score'>, spent: number) => void;
}

/** Between neighbouring rates. The loss stays within 1 % of its best over about such a factor: a finer grid sees its noise. */
const factor = 2;

/** Between the lengths of rounds. */
const growth = 4;

/** Shorter runs are mostly warm-up: Adam's second moments have hardly begun to be a mean. */
const shortest = 8;

/**
 * A round that others follow tells little if it is shorter: on the bundled model a trend from 8 to 13 steps led further away from the
 * best rate at 100 than one round of 24 did.
 */
const shortestOfSeveral = 16;

/** Probes that a first round usually takes, from a start within a factor of 4, and one whose centre is known. */
const firstProbes = 4;
const laterProbes = 3;

/**
 * Standard error of ln rate: of an optimum between worse rates, the order of the data and the parabola's misfit; of one from runs so
 * short that they are mostly warm-up, whose best rate was seen to be 2.6 times that of runs five times as long; of one at the edge.
 */
const bracketedError = 0.15;
const shortError = 0.4;
const openError = 0.5;

/**
 * Beside a cliff there is no parabola, and the valley is one-sided: the best rate that was measured lies above the best one of
 * longer runs, by this in ln rate in the mean (0.1 to 0.2 by leaving out one method), and too high a rate costs more than too low a one.
 */
const leanBesideCliff = 0.15;

/** More rounds would not make the answer better than the noise of the real run's own optimum. */
const settledError = 0.1;

/**
 * The best learning rate of a run of `steps` steps, from short runs. A round is some probes of one length at rates a factor 2 apart,
 * until the best has a worse one on each side (a diverged one is worse); its optimum is that of {@link optimumOf}. Rounds get longer as far as the budget lasts, each begun where the rounds before it point to, and the last
 * takes what is left. Their optima, which drift with the length, are extrapolated to `steps`.
 *
 * Throws a LambdamaxError if the budget does not allow a single round, or if every probe diverged.
 */
export async function probeSearch(probe: Probe, options: ProbeSearchOptions): Promise<ProbeSearchResult> {
  const { steps, start, anchor = null, budget, spent: before = 0, scorePrice, onProbe } = options;
  const probes: ProbePoint[] = [];
  const rounds: ProbeRound[] = [];
  let spent = before;
  const mostSteps = (count: number): number =>
    Math.min(steps, Math.floor((budget - spent) / count - scorePrice + 1e-9));
  const probeAt = async (learningRate: number, length: number): Promise<void> => {
    onProbe?.({ learningRate, steps: length }, spent);
    const { score, gradientEvaluations } = await probe(learningRate, length);
    spent += gradientEvaluations;
    probes.push({ learningRate, steps: length, score });
  };
  for (let length: number | null = firstLength(options, mostSteps); length !== null; ) {
    const centre = rounds.length === 0 ? start(length) : extrapolate(rounds, length).learningRate;
    const made = probes.length;
    for (let rate: number | null = centre; rate !== null && mostSteps(1) >= length; ) {
      await probeAt(rate, length);
      rate = nextRate(probes.slice(made));
    }
    const round = optimumOf(probes.slice(made), length, steps);
    if (round !== null) rounds.push(round);
    const isSettled = round === null || extrapolate(rounds, steps, anchor).logError <= settledError;
    length = isSettled ? null : nextLength(round.steps, steps, mostSteps(laterProbes));
  }
  if (rounds.length === 0) throw allDiverged(probes);
  const found = extrapolate(rounds, steps, anchor);
  const ended = rounds.at(-1)!.steps >= steps ? 'full length' : found.logError <= settledError ? 'settled' : 'budget';
  return { ...found, probes, rounds, gradientEvaluations: spent, ended };
}

/**
 * Two rounds are better than one. Where the first of two would tell little, there is one, as long as the budget allows, if its
 * centre is known; else probes stay short enough to come from far off.
 */
function firstLength(
  { steps, budget, spent = 0, scorePrice, startKnown = false }: ProbeSearchOptions,
  mostSteps: (count: number) => number,
): number {
  const least = Math.min(shortest, steps);
  const affordable = mostSteps(firstProbes);
  if (!(affordable >= least)) {
    const needed = Math.ceil(spent + firstProbes * (least + scorePrice));
    const before = spent > 0 ? `${Number(spent.toPrecision(4))} to begin with and ` : '';
    const share = Math.ceil((1000 * needed) / steps) / 1000;
    throw new LambdamaxError({
      subject: 'budget of the probes',
      expected: `at least ${needed} gradients of a batch, ${before}${firstProbes} runs of ${least} steps`,
      got: `${Number(budget.toPrecision(4))}, for a run of ${steps} steps`,
      remedy: `raise \`budget\` to ${share}, or use \`by: curvature\``,
    });
  }
  const price = firstProbes + growth * laterProbes;
  const ofTwo = Math.floor((budget - spent - (firstProbes + laterProbes) * scorePrice) / price);
  if (startKnown && ofTwo < shortestOfSeveral) return mostSteps(laterProbes);
  return Math.min(Math.max(ofTwo, least), affordable, Math.max(least, Math.ceil(steps / growth ** 2)));
}

/** The length of the next round: `growth` times the last one if another will follow it, else the longest that there is money for. */
function nextLength(last: number, steps: number, affordable: number): number | null {
  // A round hardly longer than the last one would say the same again.
  if (last >= steps || affordable < 1.5 * last) return null;
  const next = growth * last;
  return affordable >= next * (1 + growth) ? next : affordable;
}

/** The rate to try next beside those of a round; null once the best has a worse one on each side. */
function nextRate(round: readonly ProbePoint[]): number | null {
  const rates = round.map(({ learningRate }) => learningRate);
  const [lowest, highest] = [Math.min(...rates), Math.max(...rates)];
  const best = bestOf(round);
  if (best === null) return lowest / factor;
  if (best.learningRate === highest) return highest * factor;
  return best.learningRate === lowest ? lowest / factor : null;
}

function bestOf(round: readonly ProbePoint[]): ProbePoint | null {
  return round.reduce<ProbePoint | null>(
    (best, point) => (point.score !== null && (best === null || point.score < best.score!) ? point : best),
    null,
  );
}

/**
 * What a round of probes of one length says: the vertex of the parabola, or beside a cliff a little less than the best rate that was
 * measured. Null where every probe diverged.
 *
 * @param steps of these probes.
 * @param runSteps of the run that the rate is for.
 */
export function optimumOf(round: readonly ProbePoint[], steps: number, runSteps: number): ProbeRound | null {
  const points = round
    .map(({ learningRate, score }): RatePoint => {
      const scores = score === null ? [] : [score];
      return { learningRate, scores, diverged: score === null ? 1 : 0, mean: score };
    })
    .sort((a, b) => a.learningRate - b.learningRate);
  const found = findOptimum(points, 'lower');
  if (found === null) return null;
  const { learningRate, atGridEdge, pointsUsed } = found.optimum;
  const best = bestPoint(points, 'lower')!;
  const above = points[points.indexOf(best) + 1];
  const isBesideCliff = pointsUsed < 3 && above !== undefined && isOffCliff(above, best, 'lower');
  return {
    steps,
    learningRate: learningRate * (isBesideCliff ? Math.exp(-leanBesideCliff) : 1),
    logError: atGridEdge ? openError : steps < Math.min(shortestOfSeveral, runSteps) ? shortError : bracketedError,
    bracketed: !atGridEdge,
  };
}

function allDiverged(probes: readonly ProbePoint[]): LambdamaxError {
  const lowest = Math.min(...probes.map(({ learningRate }) => learningRate));
  return new LambdamaxError({
    subject: 'probe runs',
    expected: 'one that does not diverge',
    got: `${probes.length} that did, down to the rate ${lowest.toExponential(2)}`,
    remedy: 'raise `budget`, or begin at a smaller rate with `start`',
  });
}
