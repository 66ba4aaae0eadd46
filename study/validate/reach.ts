import type { Optimum } from '../../analysis/rates/optimum.ts';
import { warmupSteps } from '../../training/optimizers/schedules.ts';
import type { Configuration } from '../configurations/configuration.ts';
import { scoreLabels } from '../plan/score.ts';
import { priceOfRun, runsOfSweep, type ValidationSetting } from './setting.ts';
import { folderName, ratesAbout, ratioOf, type SweptConfiguration, startingRate, sweepOf } from './sweeps.ts';
import {
  type Bounded,
  intervalWords,
  unmeasured,
  type ValidationEntry,
  type ValidationFindings,
  type ValidationTest,
} from './validationTest.ts';

/** Ratios within this factor of each other are taken for equal. */
const sameRatio = 1.5;

/** 95 % points of chi-square for 1 to 4 degrees of freedom (any statistics textbook). */
const chiSquare = [3.841, 5.991, 7.815, 9.488];

/** T5: settings that lambda_max at the start does not depend on. */
export const reach: ValidationTest = {
  name: 'reach',
  title: 'What curvature at the start cannot see',
  claim:
    'lambda_max at the start is the same whatever the length, the batch and the score: so should be the best rate of a method over LoRA’s.',
  price(setting) {
    const all = settingsOf(setting.configuration);
    const runs = 2 * runsOfSweep(setting);
    const scored = { ...setting, scored: scoredBy(setting) };
    const gradients = all.reduce((sum, { steps, batchSize }) => sum + priceOfRun(scored, { steps, batchSize }), 0);
    return { runs: runs * all.length, products: 0, gradientEvaluations: runs * gradients };
  },
  async carryOut(setting, onPart) {
    const [own, other] = methodsOf(setting);
    const sweepFor = async (method: string) => {
      const configuration = { ...setting.configuration, method };
      const grid = ratesAbout(await startingRate(setting, configuration), -2, 1);
      return sweepOf(
        setting,
        {
          name: `reach/${folderName(method)}`,
          configurations: settingsOf(configuration),
          ...{ grid, mostRates: 9, withCurvature: false, on: (base) => base },
        },
        onPart,
      );
    };
    return findingsOf(setting, await sweepFor(own), await sweepFor(other));
  },
};

/** The method and LoRA; LoRA itself is compared with PiSSA. */
function methodsOf({ configuration: { method } }: ValidationSetting): [own: string, other: string] {
  return [method === 'lora' ? 'pissa' : method, 'lora'];
}

/** What a run is scored on here: the study's own validation. */
function scoredBy({ base, scored }: ValidationSetting) {
  const { validation } = base.data;
  return validation === undefined ? [] : 'rows' in validation ? scored : validation;
}

/** A quarter of the steps, all, four times as many; and so the rows of a step. */
function settingsOf(configuration: Configuration): Configuration[] {
  const { steps, batchSize, warmupSteps: warmup } = configuration;
  const ratio = warmup / steps;
  const withSteps = (count: number): Configuration => ({
    ...configuration,
    steps: count,
    warmupSteps: count === steps ? warmup : warmupSteps(ratio, count),
  });
  const quarter = (count: number): number => Math.max(1, Math.round(count / 4));
  const all = [
    withSteps(quarter(steps)),
    configuration,
    withSteps(4 * steps),
    { ...configuration, batchSize: quarter(batchSize) },
    { ...configuration, batchSize: 4 * batchSize },
  ];
  return [...new Map(all.map((one) => [`${one.steps} ${one.batchSize}`, one])).values()];
}

/** The ratio of two best rates at one setting, by one score. */
interface Ratio extends Bounded {
  readonly setting: string;
  readonly score: string;
  readonly own: Optimum;
  readonly other: Optimum;
}

function findingsOf(
  setting: ValidationSetting,
  own: readonly SweptConfiguration[],
  others: readonly SweptConfiguration[],
): ValidationFindings {
  const [method, reference] = methodsOf(setting);
  const { score } = setting.base.plan;
  const ratios = own.flatMap((one, index): Ratio[] => {
    const other = others[index]!;
    const { steps, batchSize } = one.configuration;
    const pairs = [
      [scoreLabels[score], one.optimum, other.optimum],
      ['validation loss', one.byLoss, other.byLoss],
    ] as const;
    return pairs.flatMap(([by, a, b]) =>
      a && b ? [{ setting: `${steps} steps, batch ${batchSize}`, score: by, own: a, other: b, ...ratioOf(a, b) }] : [],
    );
  });
  const scores = [...new Set([scoreLabels[score], ...ratios.map((ratio) => ratio.score)])];
  const settings = [...new Set(ratios.map((ratio) => ratio.setting))];
  const values = ratios.map(({ value }) => value).sort((a, b) => a - b);
  const range =
    values.length === 0 ? 'is unknown' : `goes from ${values[0]!.toPrecision(2)} to ${values.at(-1)!.toPrecision(2)}`;
  return {
    entries: scores.map((by) =>
      entryOf(
        `${method} over ${reference}`,
        by,
        ratios.filter((one) => one.score === by),
      ),
    ),
    figure: {
      title: `The best rate of ${method} over ${reference}’s ${range}`,
      ...{ yTitle: `best rate of ${method} over ${reference}’s`, yLog: true },
      panels: [
        {
          title: '',
          xTitle: `setting: ${settings.map((name, index) => `${index + 1} ${name}`).join('; ')}`,
          curves: scores.map((by, place) => {
            const shown = ratios.filter((one) => one.score === by);
            return {
              ...{ name: `by ${by}`, look: 'marks' as const, color: place },
              x: shown.map((one) => settings.indexOf(one.setting) + 1 + 0.08 * place),
              y: shown.map(({ value }) => value),
              low: shown.map(({ low }) => low),
              high: shown.map(({ high }) => high),
            };
          }),
        },
      ],
    },
    how: `${method} against ${reference}, one setting changed at a time; ${setting.seeds.length} seeds.`,
    table: {
      header: ['Setting', 'Score', `Best rate, ${method}`, `Best rate, ${reference}`, 'Ratio', '95 % interval'],
      rows: ratios.map(({ setting: name, score: by, own: a, other: b, value, low, high }) => [
        ...[name, by, a.learningRate.toPrecision(3), b.learningRate.toPrecision(3), value.toPrecision(2)],
        `${low.toPrecision(2)} to ${high.toPrecision(2)}`,
      ]),
    },
  };
}

/** The largest of some ratios over the smallest, and whether they can all be one, by Cochran's Q. */
export function spreadOf(ratios: readonly Bounded[]) {
  const logs = ratios.map(({ value, low, high }) => ({
    value: Math.log(value),
    // Points of a grid that agree are not known to be equal.
    error: Math.max(Math.log(high / low) / 3.92, 0.02),
  }));
  const weight = logs.reduce((sum, { error }) => sum + error ** -2, 0);
  const centre = logs.reduce((sum, { value, error }) => sum + value / error ** 2, 0) / weight;
  const q = logs.reduce((sum, { value, error }) => sum + ((value - centre) / error) ** 2, 0);
  const sorted = logs.toSorted((a, b) => a.value - b.value);
  const [least, most] = [sorted[0]!, sorted.at(-1)!];
  const width = most.value - least.value;
  const half = 1.96 * Math.hypot(least.error, most.error);
  return {
    value: Math.exp(width),
    low: Math.exp(Math.max(0, width - half)),
    high: Math.exp(width + half),
    isOne: q <= (chiSquare[ratios.length - 2] ?? Number.POSITIVE_INFINITY),
    centre: Math.exp(centre),
  };
}

function entryOf(what: string, by: string, ratios: readonly Ratio[]): ValidationEntry {
  const common = { name: 'reach', claim: reach.claim, score: by, expected: 1 } as const;
  const predicted = `By ${by}: the best rate of ${what}’s should be the same at all settings`;
  if (ratios.length < 2) return { ...common, ...unmeasured, words: `${predicted}; too few settings trained.` };
  const { value, low, high, isOne, centre } = spreadOf(ratios);
  // A best rate at the end of its grid may lie beyond it.
  const open = ratios.filter(({ own, other }) => own.atGridEdge || other.atGridEdge).length;
  const outcome = open > 0 ? 'undecided' : !isOne ? 'refuted' : high <= sameRatio ? 'held' : 'undecided';
  const values = ratios.map((ratio) => ratio.value);
  const [least, most] = [Math.min(...values), Math.max(...values)];
  return {
    ...{ ...common, outcome, measured: value, low, high, ratio: centre, settings: ratios.length, open },
    words: `${predicted}; over ${ratios.length}${open > 0 ? `, ${open} of them with a best rate at the end of its grid,` : ''} it goes from ${least.toPrecision(2)} to ${most.toPrecision(2)}, a factor ${value.toPrecision(2)} (${intervalWords({ low, high })}): ${outcome}.`,
  };
}
