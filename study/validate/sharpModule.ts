import { viewTensors } from '../../compute/tensors.ts';
import { ArgumentError } from '../../errors.ts';
import { norm } from '../../numerics/vectors.ts';
import { stepRows } from '../../training/data/batches.ts';
import { stepGradient } from '../../training/finetune/finetune.ts';
import { layoutTensors } from '../../training/layout/layout.ts';
import type { Configuration } from '../configurations/configuration.ts';
import { measuredOnce, priceOfProducts, priceOfRun, runsOfSweep, startOf, type ValidationSetting } from './setting.ts';
import { curveOf, ratesAbout, ratioOf, type SweptConfiguration, startingRate, sweepOf } from './sweeps.ts';
import {
  type Bounded,
  intervalWords,
  unmeasured,
  type ValidationEntry,
  type ValidationFindings,
  type ValidationTest,
} from './validationTest.ts';

/** By so much the scale of one module's update is raised. */
const sharpening = 16;

/** A best rate within this factor of the old one refutes that it went with lambda_max. */
const asBefore = 1.5;

/** T2: one module is made sharp, and nothing else is changed. */
export const sharpModule: ValidationTest = {
  name: 'sharp-module',
  title: 'One sharp module',
  claim: `With alpha x ${sharpening} on one module lambda_max rises; the best rate of c / lambda_max falls by the same factor.`,
  price(setting) {
    const configurations = 1 + setting.sharpModules;
    const rates = gridOf(1, setting).length + 1;
    const runs = configurations * runsOfSweep(setting, rates);
    const products = configurations * 2 * 40;
    return {
      ...{ runs, products },
      gradientEvaluations: runs * priceOfRun(setting) + priceOfProducts(setting, products) + 25,
    };
  },
  async fault(setting) {
    const { layout } = await startOf(setting, setting.configuration, setting.seeds[0]!);
    const expected = `at most ${layout.modules.size}, the modules of the adapter`;
    if (setting.sharpModules > layout.modules.size)
      throw new ArgumentError({ subject: 'sharpModules', expected, got: setting.sharpModules });
    return null;
  },
  async carryOut(setting, onPart) {
    const { configuration } = setting;
    const modules = await sharpest(setting);
    const grid = gridOf(await startingRate(setting, configuration), setting);
    const { alphaPattern = {}, alpha } = configuration;
    const sharpened = modules.map(
      (module): Configuration => ({
        ...configuration,
        alphaPattern: { ...alphaPattern, [module]: sharpening * alpha },
      }),
    );
    const swept = await sweepOf(
      setting,
      { name: 'sharp-module', configurations: [configuration, ...sharpened], grid },
      onPart,
    );
    return findingsOf(setting, modules, swept);
  },
};

/** Six rates for whole tests; a small one leaves out those that only show what the claim's rate costs. */
function gridOf(rate: number, { sharpModules }: ValidationSetting): number[] {
  return sharpModules > 1 ? ratesAbout(rate, -4, 1) : ratesAbout(rate, -2, 1);
}

/** The modules whose tensors have the largest gradient at the start: the sharpest, or nearly so, at B = 0. */
async function sharpest(setting: ValidationSetting): Promise<readonly string[]> {
  const { configuration, sharpModules, seeds } = setting;
  const seed = seeds[0]!;
  const { modules } = await measuredOnce(setting, configuration, { measured: 'gradient by module', seed }, async () => {
    const { model, rows } = setting;
    const adapter = await startOf(setting, configuration, seed);
    const { gradient } = await stepGradient(model, adapter, stepRows(rows, configuration.batchSize, 0, seed, true));
    const tensors = [...viewTensors(gradient, layoutTensors(adapter.layout))];
    const sizes = [...adapter.layout.modules.keys()].map((module) => ({
      module,
      size: Math.hypot(...tensors.flatMap(([name, own]) => (name.startsWith(`${module}.`) ? [norm(own)] : []))),
    }));
    return { modules: sizes.sort((a, b) => b.size - a.size).map(({ module }) => module) };
  });
  return modules.slice(0, sharpModules);
}

interface Judged {
  readonly module: string;
  readonly swept: SweptConfiguration;
  /** lambda_max over what it was. */
  readonly lambdaRatio: number;
  /** The best rate over what it was. */
  readonly rate: Bounded;
  /** One of the two lies at the end of its grid, and may lie beyond it. */
  readonly isOpen: boolean;
}

function findingsOf(
  setting: ValidationSetting,
  modules: readonly string[],
  [before, ...others]: readonly SweptConfiguration[],
): ValidationFindings {
  const judged = others.flatMap((swept, index): Judged[] => {
    if (!before?.optimum || !swept.optimum || before.lambdaMax === null || swept.lambdaMax === null) return [];
    const lambdaRatio = swept.lambdaMax / before.lambdaMax;
    const isOpen = swept.optimum.atGridEdge || before.optimum.atGridEdge;
    return [{ module: modules[index]!, swept, lambdaRatio, rate: ratioOf(swept.optimum, before.optimum), isOpen }];
  });
  const untold = modules.filter((module) => judged.every((one) => one.module !== module));
  const moved = judged.map(
    ({ lambdaRatio, rate }) =>
      `${lambdaRatio.toPrecision(2)} times λmax moves the best rate ${rate.value.toPrecision(2)} times`,
  );
  return {
    entries: [...judged.map(entryOf), ...untold.map(untoldEntry)],
    figure: {
      title: moved.length === 0 ? 'No best rate was found' : moved.join('; '),
      ...{ yTitle: 'loss', yLog: false },
      panels: judged.map(({ module, swept, lambdaRatio }) => {
        const wanted = before!.optimum!.learningRate / lambdaRatio;
        const heights = [before!, swept].flatMap(({ points }) => points.flatMap(({ mean }) => mean ?? []));
        return {
          title: module,
          xTitle: 'learning rate',
          xLog: true,
          curves: [
            { name: 'as it is', ...curveOf(before!.points), look: 'line and marks' as const, color: 0 },
            {
              name: `alpha x ${sharpening} on the module`,
              ...curveOf(swept.points),
              look: 'line and marks' as const,
              color: 1,
            },
            {
              name: 'where 1 / lambda_max puts the best rate',
              x: [wanted, wanted],
              y: [Math.min(...heights), Math.max(...heights)],
              look: 'dashed' as const,
              color: 2,
            },
          ],
        };
      }),
    },
    how: `${setting.configuration.method}, ${setting.configuration.steps} steps of ${setting.configuration.batchSize} rows, ${setting.seeds.length} seeds; the modules with the largest gradient at the start.`,
    table: {
      header: ['Module', 'lambda_max ×', 'Best rate ×', '95 % interval', '1 / lambda_max wants ×', '1 / sqrt wants ×'],
      rows: judged.map(({ module, lambdaRatio, rate }) => [
        module,
        lambdaRatio.toPrecision(3),
        rate.value.toPrecision(3),
        `${rate.low.toPrecision(3)} to ${rate.high.toPrecision(3)}`,
        (1 / lambdaRatio).toPrecision(3),
        (1 / Math.sqrt(lambdaRatio)).toPrecision(3),
      ]),
    },
  };
}

/** Judges one module: by the interval of how the best rate moved, against the claim's and against no move at all. */
export function judgeSharp(expected: number, { low, high }: Pick<Bounded, 'low' | 'high'>): ValidationEntry['outcome'] {
  const holdsClaim = low <= expected && expected <= high;
  // Where lambda_max hardly rose, the claim wants what anybody would.
  if (expected >= 1 / asBefore) return 'undecided';
  if (holdsClaim) return high < 1 / asBefore ? 'held' : 'undecided';
  return low > expected ? 'refuted' : 'undecided';
}

function entryOf({ module, lambdaRatio, rate, swept, isOpen }: Judged): ValidationEntry {
  const expected = 1 / lambdaRatio;
  const outcome = isOpen ? 'undecided' : judgeSharp(expected, rate);
  const { value, low, high } = rate;
  const isOld = value > 1 / asBefore && value < asBefore;
  const words = {
    held: 'the claim holds.',
    refuted: `refuted${isOld ? `: the best rate is within a factor ${asBefore} of the old one` : ''}.`,
    undecided: 'undecided.',
  };
  return {
    ...{ name: 'sharp-module', claim: sharpModule.claim, outcome, expected, measured: value, low, high },
    ...{ module, lambdaRatio, rateRatio: value, learningRate: swept.optimum!.learningRate },
    words: `${module}: lambda_max x ${lambdaRatio.toPrecision(3)}, so the claim wants the best rate x ${expected.toPrecision(2)}; it went x ${value.toPrecision(2)} (${intervalWords(rate)}): ${words[outcome]}`,
  };
}

function untoldEntry(module: string): ValidationEntry {
  return {
    ...{ name: 'sharp-module', claim: sharpModule.claim, expected: null, ...unmeasured, module },
    words: `${module}: no rate trained, as it is or with alpha x ${sharpening}, so that nothing can be told: undecided.`,
  };
}
