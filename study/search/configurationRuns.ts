import { LambdamaxError } from '../../errors.ts';
import type { Configuration } from '../configurations/configuration.ts';
import { gridOf, type RunChoice, type StudyPlan } from '../plan/plan.ts';
import { intervalOf, type RunResult, scoreOf } from '../plan/result.ts';
import { directionOf, isShare, type ScoreMeasure } from '../plan/score.ts';
import {
  bracket,
  type ExtensionLimits,
  gridFactor,
  halfSteps,
  nearBest,
  nextRates,
  type ScoredRate,
  usualLimits,
} from './extend.ts';

/** Runs of one configuration that can be made side by side. */
export interface RunBatch {
  readonly runs: readonly RunChoice[];
  /** How many will follow, as far as can be told before these are done: the grid may still be extended. */
  readonly later: number;
  /** Whether rates may have to be added to the grid after it. */
  readonly mayExtend: boolean;
}

/** What the first seed says about one configuration. */
export interface ConfigurationSweep {
  readonly configuration: Configuration;
  /** First seed, ascending in rate. */
  readonly points: readonly ScoredRate[];
  /** Null when training diverged at every rate. */
  readonly best: ScoredRate | null;
  /** Whether clearly worse rates lie on both sides of the best. */
  readonly bracketed: boolean;
}

/**
 * The runs of one configuration, batch by batch: the first seed on the grid, which is extended until the best rate is bracketed and then
 * halved beside it; after that the further seeds near the best rate. Each `next` takes the results of the batch before. Which runs
 * there are follows from the plan and the results alone.
 */
export function* configurationRuns(
  plan: StudyPlan,
  configuration: Configuration,
): Generator<RunBatch, ConfigurationSweep, readonly RunResult[]> {
  const direction = directionOf(plan.score);
  const limits: ExtensionLimits = { ...usualLimits, mostRates: plan.mostRates };
  const [firstSeed, ...furtherSeeds] = plan.seeds;
  if (firstSeed === undefined) throw new LambdamaxError({ subject: 'seeds of the plan', expected: 'one or more' });
  const points: ScoredRate[] = [];
  const seedRuns = (rates: number): number =>
    furtherSeeds.length * Math.min(rates, plan.seedsNearBest === null ? rates : 2 * plan.seedsNearBest + 1);
  const tryRates = function* (rates: readonly number[], passesLeft: number, mayExtend = false) {
    const halves = 2 * passesLeft;
    const later = halves + seedRuns(points.length + rates.length + halves);
    const results: readonly RunResult[] = yield {
      runs: rates.map((learningRate) => ({ configuration, learningRate, seed: firstSeed })),
      later,
      mayExtend,
    };
    points.push(...results.map((result, index) => ratePoint(rates[index]!, result, plan.score)));
  };
  const grid = gridOf(plan, configuration);
  yield* tryRates(grid, plan.refinements, true);
  const factor = gridFactor(grid);
  for (;;) {
    const rates = nextRates(points, direction, factor, limits);
    if (rates.length === 0) break;
    yield* tryRates(rates, plan.refinements);
  }
  for (let pass = 1; pass <= plan.refinements; pass++)
    yield* tryRates(halfSteps(points, direction), plan.refinements - pass);
  points.sort((a, b) => a.learningRate - b.learningRate);
  const repeated = nearBest(points, direction, plan.seedsNearBest ?? points.length);
  yield {
    runs: furtherSeeds.flatMap((seed) => repeated.map((learningRate) => ({ configuration, learningRate, seed }))),
    later: 0,
    mayExtend: false,
  };
  const { best, below, above } = bracket(points, direction, limits);
  return { configuration, points, best, bracketed: below && above };
}

/** What a result says about its rate; beside a share stand its confidence interval and the validation loss. */
function ratePoint(learningRate: number, result: RunResult, measure: ScoreMeasure): ScoredRate {
  const score = scoreOf(result, measure);
  if (!isShare(measure)) return { learningRate, score };
  return { learningRate, score, low: intervalOf(result, measure)?.[0] ?? null, loss: result.validationLoss ?? null };
}
