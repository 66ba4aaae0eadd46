import type { ScoreDirection, Sweep, SweepContext, SweepRun } from '../../analysis/sweep.ts';
import { randomStream } from '../../compute/random.ts';

/** A method planted in a made-up sweep: its score is a parabola in ln rate around `optimum`. */
export interface PlantedMethod {
  readonly method: string;
  readonly optimum: number;
  readonly peak?: number;
  /** Rates from here on diverge. */
  readonly divergesAt?: number;
  readonly lambdaMax?: number;
}

/** Rates `factor` apart, `count` of them, from `first`. */
export function grid(first: number, factor: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => first * factor ** i);
}

/** A sweep whose optima, breaking rates and curvatures are known, with normal noise of size `noise` on every score. */
export function plantedSweep(
  methods: readonly PlantedMethod[],
  {
    rates,
    direction = 'lower',
    seeds = [0],
    noise = 0,
    noiseSeed = 0,
    context = { steps: 100 },
  }: {
    rates: readonly number[];
    direction?: ScoreDirection;
    seeds?: readonly number[];
    noise?: number;
    noiseSeed?: number;
    context?: SweepContext;
  },
): Sweep {
  const random = randomStream(noiseSeed, 'planted sweep');
  const runs = methods.flatMap(({ method, optimum, peak = 3, divergesAt = Number.POSITIVE_INFINITY }) =>
    seeds.flatMap((seed) =>
      rates.map((learningRate): SweepRun => {
        const loss = 0.05 * Math.log(learningRate / optimum) ** 2 + noise * random.normal();
        const isBroken = learningRate >= divergesAt * (1 - 1e-9);
        const score = isBroken ? null : direction === 'lower' ? peak + loss : peak - loss;
        return { configuration: method, method, learningRate, seed, score, status: isBroken ? 'diverged' : 'finished' };
      }),
    ),
  );
  const configurations = methods.map(({ method, lambdaMax }) => ({
    configuration: method,
    method,
    ...(lambdaMax !== undefined && { lambdaMax }),
  }));
  return { runs, configurations, scoreDirection: direction, context };
}
