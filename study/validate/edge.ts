import { sharpnessAlongTraining } from '../../analysis/curvature/sharpnessAlongTraining.ts';
import { randomStream } from '../../compute/random.ts';
import { LambdamaxError } from '../../errors.ts';
import { geometricMean, mean, quantile } from '../../numerics/statistics.ts';
import { finetune } from '../../training/finetune/finetune.ts';
import { finetuneOptions } from '../measure/execute.ts';
import { runConfiguration } from '../plan/plan.ts';
import {
  measuredOnce,
  measuredTokens,
  priceOfProducts,
  priceOfRun,
  runsOfSweep,
  startOf,
  type ValidationSetting,
} from './setting.ts';
import { ratesAbout, startingRate, sweepOf } from './sweeps.ts';
import {
  type Bounded,
  intervalWords,
  unmeasured,
  type ValidationEntry,
  type ValidationFindings,
  type ValidationTest,
} from './validationTest.ts';

/** The rates, over the best one. */
const multiples = [0.25, 0.5, 1, 2, 4];
/** Measurements in a run. */
const measurements = 10;
/** At half of the best rate the edge must be at least so far off. */
const below = 0.7;

/** T4: is training at its best rate at the edge of stability, and at lower ones not? */
export const edge: ValidationTest = {
  name: 'edge',
  title: 'Edge of stability',
  claim: `Rate x lambda_pre / 38 along training is near 1 at the best rate, and below ${below} at half of it. Where it is the same at all rates, curvature follows the rate and explains the cliff alone.`,
  price(setting) {
    const swept = runsOfSweep(setting);
    const runs = multiples.length * setting.seeds.length;
    // The first search of a run is whole, those after it begin where the last ended; the Hessian, and what Adam sees of it.
    const products = 80 + runs * 2 * (30 + 6 * (measurements - 1));
    return {
      ...{ runs: runs + swept, products },
      gradientEvaluations: (runs + swept) * priceOfRun(setting) + priceOfProducts(setting, products),
    };
  },
  async carryOut(setting, onPart) {
    const { configuration, seeds } = setting;
    const grid = ratesAbout(await startingRate(setting, configuration), -2, 1);
    const [swept] = await sweepOf(
      setting,
      { name: 'edge', configurations: [configuration], grid, withCurvature: false },
      onPart,
    );
    const best = swept!.optimum?.learningRate;
    if (best === undefined)
      throw new LambdamaxError({
        subject: 'the sweep of the edge of stability',
        expected: 'a rate that trains',
        got: 'none',
      });
    const all: Measured[] = [];
    for (const multiple of multiples)
      for (const seed of seeds) {
        onPart(
          `sharpness at ${multiple} times the best rate, seed ${seed}`,
          all.length,
          multiples.length * seeds.length,
        );
        all.push({ multiple, ...(await alongRun(setting, Number((multiple * best).toPrecision(4)), seed)) });
      }
    return findingsOf(setting, best, all);
  },
};

/** Rate over limit at some steps of a run. */
interface Along {
  readonly points: readonly { readonly step: number; readonly share: number; readonly relativeRate: number }[];
  readonly finalLoss: number | null;
}

interface Measured extends Along {
  readonly multiple: number;
}

function alongRun(setting: ValidationSetting, learningRate: number, seed: number): Promise<Along> {
  const { model, rows, configuration, base, signal } = setting;
  const what = { measured: 'sharpness along training', learningRate, seed, measurements };
  return measuredOnce(setting, configuration, what, async () => {
    const run = runConfiguration(base.plan, { configuration, learningRate, seed });
    const adapter = await startOf(setting, configuration, seed);
    const points: Along['points'][number][] = [];
    const { finalLoss } = await finetune(model, adapter, rows, {
      ...finetuneOptions(run),
      sharpnessEvery: Math.max(1, Math.floor(configuration.steps / measurements)),
      measureSharpness: sharpnessAlongTraining(model, rows, {
        ...{ batchSize: configuration.batchSize, tokens: measuredTokens, seed },
      }),
      onStep({ step, sharpness, learningRate: now }) {
        signal?.throwIfAborted();
        if (sharpness?.effective && sharpness.threshold)
          points.push({ step, share: sharpness.effective / sharpness.threshold, relativeRate: now / learningRate });
      },
    });
    return { points, finalLoss };
  });
}

/** The shares of the limit while the rate is at least half of its peak: later a schedule takes it away from any edge. */
function sharesOf(all: readonly Measured[], multiple: number): number[] {
  return all
    .filter((one) => one.multiple === multiple)
    .flatMap(({ points }) =>
      points.flatMap(({ share, relativeRate }) => (relativeRate >= 0.5 && share > 0 ? share : [])),
    );
}

/** Geometric mean with its 95 % bootstrap interval. */
function meanOf(shares: readonly number[], name: string): Bounded | null {
  if (shares.length < 2) return null;
  const random = randomStream(0, `edge of stability, ${name}`);
  const logs = shares.map(Math.log);
  const resampled = Array.from({ length: 1000 }, () => mean(logs.map(() => logs[random.integer(logs.length)]!)));
  return {
    value: geometricMean(shares),
    low: Math.exp(quantile(resampled, 0.025)),
    high: Math.exp(quantile(resampled, 0.975)),
  };
}

function findingsOf(setting: ValidationSetting, best: number, all: readonly Measured[]): ValidationFindings {
  const found = multiples.map((multiple) => ({ multiple, share: meanOf(sharesOf(all, multiple), String(multiple)) }));
  const shareAt = (multiple: number) => found.find((one) => one.multiple === multiple)!.share;
  const seed = setting.seeds[0]!;
  const told = (share: Bounded | null): string => share?.value.toPrecision(2) ?? 'unknown';
  return {
    entries: [entryOf(shareAt(1), shareAt(0.5), best)],
    figure: {
      title: `Rate × λ_pre / 38 is ${told(shareAt(1))} at the best rate and ${told(shareAt(0.5))} at half of it`,
      ...{ yTitle: 'rate × lambda_pre / 38', yLog: true },
      panels: [
        {
          title: '',
          xTitle: 'step',
          curves: [
            ...multiples.flatMap((multiple, place) => {
              const { points } = all.find((one) => one.multiple === multiple)!;
              const curve = {
                name: `${multiple} times the best rate`,
                x: points.map(({ step }) => step),
                y: points.map(({ share }) => share),
              };
              return points.length === 0 ? [] : [{ ...curve, look: 'line and marks' as const, color: place }];
            }),
            {
              ...{ name: 'the edge', look: 'dashed' as const, color: 6 },
              x: [0, setting.configuration.steps],
              y: [1, 1],
            },
          ],
        },
      ],
    },
    how: `${setting.configuration.method}, ${setting.configuration.steps} steps of ${setting.configuration.batchSize} rows, ${setting.seeds.length} seeds; the best rate is ${best.toPrecision(3)}. The curves are those of seed ${seed}; the numbers are geometric means while the rate is at least half of its peak.`,
    table: {
      header: ['Rate over the best', 'Rate × lambda_pre / 38', '95 % interval', 'Loss at the end'],
      rows: found.map(({ multiple, share }) => [
        String(multiple),
        share?.value.toPrecision(2) ?? '–',
        share ? `${share.low.toPrecision(2)} to ${share.high.toPrecision(2)}` : '–',
        all
          .filter((one) => one.multiple === multiple)
          .map(({ finalLoss }) => finalLoss?.toPrecision(4) ?? 'diverged')
          .join(', '),
      ]),
    },
  };
}

/** Judges the edge: near 1 at the best rate, and clearly below at half of it. */
export function judgeEdge(atBest: Bounded, atHalf: Bounded): ValidationEntry['outcome'] {
  const isNear = atBest.high >= below && atBest.low <= 1 / below;
  if (!isNear || atHalf.low >= below) return 'refuted';
  return atHalf.high < below && atBest.low >= below && atBest.high <= 1 / below ? 'held' : 'undecided';
}

function entryOf(atBest: Bounded | null, atHalf: Bounded | null, best: number): ValidationEntry {
  const common = { name: 'edge', claim: edge.claim, expected: 1, learningRate: best, atHalf } as const;
  const predicted = `Rate x lambda_pre / 38 should be near 1 at the best rate and below ${below} at half of it`;
  if (atBest === null || atHalf === null)
    return { ...common, ...unmeasured, words: `${predicted}; it could not be measured.` };
  const outcome = judgeEdge(atBest, atHalf);
  const interval = (share: Bounded): string => `${share.value.toPrecision(2)} (${intervalWords(share)})`;
  return {
    ...{ ...common, outcome, measured: atBest.value, low: atBest.low, high: atBest.high },
    words: `${predicted}; it is ${interval(atBest)} and ${interval(atHalf)}: ${outcome}.`,
  };
}
