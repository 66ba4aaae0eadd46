import type { ScoreDirection, Sweep, SweepContext, SweepRun } from '../../analysis/rates/sweep.ts';
import { randomStream } from '../../compute/random.ts';
import { proportion } from '../../training/tasks/proportion.ts';

/** A method planted in a made-up sweep: its score is a parabola in ln rate around `optimum`. */
export interface PlantedMethod {
  readonly method: string;
  /** The method's name, if none is given. */
  readonly configuration?: string;
  readonly settings?: Readonly<Record<string, string>>;
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
  const runs = methods.flatMap(
    ({ method, configuration = method, optimum, peak = 3, divergesAt = Number.POSITIVE_INFINITY }) =>
      seeds.flatMap((seed) =>
        rates.map((learningRate): SweepRun => {
          const loss = 0.05 * Math.log(learningRate / optimum) ** 2 + noise * random.normal();
          const isBroken = learningRate >= divergesAt * (1 - 1e-9);
          const score = isBroken ? null : direction === 'lower' ? peak + loss : peak - loss;
          return { configuration, method, learningRate, seed, score, status: isBroken ? 'diverged' : 'finished' };
        }),
      ),
  );
  const configurations = methods.map(({ method, configuration = method, settings, lambdaMax }) => ({
    configuration,
    method,
    ...(settings && { settings }),
    ...(lambdaMax !== undefined && { lambdaMax }),
  }));
  return { runs, configurations, scoreDirection: direction, context };
}

/** Methods at each combination of ranks and batches: optimum and lambda_max as these functions say. */
export function plantedProduct(
  methods: readonly string[],
  { ranks, batches }: { readonly ranks: readonly number[]; readonly batches: readonly number[] },
  of: (method: number, rank: number, batch: number) => { readonly optimum: number; readonly lambdaMax?: number },
): PlantedMethod[] {
  return ranks.flatMap((rank) =>
    batches.flatMap((batch) =>
      methods.map((method, i) => ({
        method,
        configuration: `${method}, rank ${rank}, batch ${batch}`,
        settings: { rank: String(rank), batch_size: String(batch) },
        ...of(i, rank, batch),
      })),
    ),
  );
}

/** A sweep of shares of 200 problems, with the loss beside each; a share of null is a run that diverged. */
export function examinedSweep(
  methods: readonly { readonly method: string; readonly lambdaMax?: number }[],
  {
    rates,
    share,
    loss,
    seeds = [0],
  }: {
    rates: readonly number[];
    share: (method: string, rate: number, seed: number) => number | null;
    loss: (method: string, rate: number, seed: number) => number;
    seeds?: readonly number[];
  },
): Sweep {
  const runs = methods.flatMap(({ method }) =>
    seeds.flatMap((seed) =>
      rates.map((learningRate): SweepRun => {
        const common = { configuration: method, method, learningRate, seed };
        const solved = share(method, learningRate, seed);
        if (solved === null) return { ...common, score: null, status: 'diverged' };
        const { value, low, high } = proportion(Math.round(200 * solved), 200);
        const beside = { interval: [low, high] as const, loss: loss(method, learningRate, seed) };
        return { ...common, score: value, ...beside, status: 'finished' };
      }),
    ),
  );
  const configurations = methods.map((one) => ({ configuration: one.method, ...one }));
  return { runs, configurations, scoreDirection: 'higher', isShare: true, context: { steps: 100, score: 'accuracy' } };
}
