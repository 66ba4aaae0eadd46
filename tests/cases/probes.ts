import type { Probe } from '../../analysis/recommend/probeSearch.ts';
import { randomStream } from '../../compute/random.ts';

/** A world in which the best rate is known: c (steps / 100)^drift. */
export interface ProbeWorld {
  /** At 100 steps; default 1e-2. */
  readonly optimum?: number;
  /** Default 0. */
  readonly drift?: number;
  /** Rates from so many times the best one on diverge, after a tenth of the steps; default: never. */
  readonly cliff?: number;
  /** Standard deviation of the scores; default 0. */
  readonly noise?: number;
  readonly seed?: number;
}

/** What scoring takes in these worlds. */
export const scorePrice = 2;

/** The best rate at this length. */
export function optimumAt(steps: number, { optimum = 1e-2, drift = 0 }: ProbeWorld = {}): number {
  return optimum * (steps / 100) ** drift;
}

/** Probe runs in this world: a parabola in ln rate about the best one, 1 % worse at a factor 1.5. */
export function fakeProbe(world: ProbeWorld = {}): Probe {
  const { cliff = Number.POSITIVE_INFINITY, noise = 0, seed = 0 } = world;
  const random = randomStream(seed, 'probe world');
  return async (learningRate, steps) => {
    const over = learningRate / optimumAt(steps, world);
    if (over >= cliff) return { score: null, gradientEvaluations: Math.ceil(steps / 10) };
    const score = 2 + 10 / steps + 0.12 * Math.log(over) ** 2 + noise * random.normal();
    return { score, gradientEvaluations: steps + scorePrice };
  };
}
