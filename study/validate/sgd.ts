import { divergesAt } from '../../analysis/rates/optimum.ts';
import { clusteredMean, fitPowerLaw, geometricMean, mean } from '../../numerics/statistics.ts';
import { usualSettings } from '../../training/optimizers/index.ts';
import type { Configuration } from '../configurations/configuration.ts';
import { usualStudy } from '../options.ts';
import { measuredOnce, priceOfRun, productPrice, runsOfSweep, startOf, type ValidationSetting } from './setting.ts';
import { type StartCurvature, startCurvature } from './startCurvature.ts';
import { folderName, logOf, losses, ratesAbout, type SweptConfiguration, sweepOf } from './sweeps.ts';
import {
  type Bounded,
  intervalWords,
  unmeasured,
  type ValidationEntry,
  type ValidationFindings,
  type ValidationTest,
} from './validationTest.ts';

/** The full batch, which each step takes, over the rows of a usual step. */
const fullBatches = 4;

/** Breaking within this factor of the limit is as the limit says. */
const nearLimit = 2;

const optimizers = [
  { name: 'sgd', label: 'SGD', exponent: 1, limit: '2 / lambda_max' },
  { name: 'adamw', label: 'AdamW', exponent: 0.5, limit: '38 / lambda_pre' },
] as const;

type OptimizerName = (typeof optimizers)[number]['name'];

/** T3: what the theory assumes is so, and the optimizer alone differs. */
export const sgd: ValidationTest = {
  name: 'sgd',
  title: 'The theory’s own ground',
  claim:
    'Full batch, constant rate, no warm-up: over the methods SGD’s best rate goes as lambda_max^-1, Adam’s as lambda_max^-1/2, and training breaks at each optimizer’s limit of stability.',
  price(setting) {
    const methods = methodsOf(setting).length;
    const { steps } = settingsOf(setting.configuration, setting, 'sgd');
    const runs = optimizers.length * methods * runsOfSweep(setting);
    const products = methods * 2 * 40;
    const batch = rowsOf(setting).length;
    const run = priceOfRun({ ...setting, scored: rowsOf(setting) }, { steps, batchSize: batch });
    const product = (productPrice * batch) / setting.configuration.batchSize;
    return { runs, products, gradientEvaluations: runs * run + products * product };
  },
  async carryOut(setting, onPart) {
    const rows = rowsOf(setting);
    const all: Measured[] = [];
    for (const method of methodsOf(setting)) {
      const configuration = { ...setting.configuration, method };
      onPart(`curvature of ${method}`, 0, 1);
      const start = await curvatureOf(setting, configuration);
      for (const { name } of optimizers) {
        const limit = start.limits[name];
        if (limit === null) continue;
        const [swept] = await sweepOf(
          setting,
          {
            name: `sgd/${name}-${folderName(method)}`,
            configurations: [settingsOf(configuration, setting, name)],
            grid: ratesAbout(limit, -3, 1),
            mostRates: 12,
            withCurvature: false,
            on: (base) => losses(base, rows, rows),
          },
          onPart,
        );
        all.push({ method, optimizer: name, start, limit, swept: swept! });
      }
    }
    return findingsOf(setting, all);
  },
};

interface Measured {
  readonly method: string;
  readonly optimizer: OptimizerName;
  readonly start: StartCurvature;
  readonly limit: number;
  readonly swept: SweptConfiguration;
}

/** The paper's five methods, and the user's own. */
function methodsOf({ configuration: { method } }: ValidationSetting): string[] {
  return [...new Set([...usualStudy.methods, method])];
}

function rowsOf({ rows, configuration }: ValidationSetting) {
  return rows.slice(0, fullBatches * configuration.batchSize);
}

function settingsOf(configuration: Configuration, setting: ValidationSetting, name: OptimizerName): Configuration {
  return {
    ...configuration,
    optimizer: { ...usualSettings, name },
    ...{ batchSize: rowsOf(setting).length, shuffle: false },
    ...{ steps: Math.max(1, Math.round(configuration.steps / 2)), schedule: 'constant', warmupSteps: 0 },
  };
}

function curvatureOf(setting: ValidationSetting, configuration: Configuration): Promise<StartCurvature> {
  const { model, seeds } = setting;
  const rows = rowsOf(setting);
  const seed = seeds[0]!;
  const what = { measured: 'full batch, start', rows: rows.length, seed };
  return measuredOnce(setting, configuration, what, async () => {
    const adapter = await startOf(setting, configuration, seed);
    return startCurvature(model, adapter, { measured: rows, rows, batchSize: rows.length, seed });
  });
}

function findingsOf(setting: ValidationSetting, all: readonly Measured[]): ValidationFindings {
  const found = optimizers.map((optimizer) => ({
    ...optimizer,
    own: all.filter((one) => one.optimizer === optimizer.name && one.swept.optimum !== null && one.start.lambdaMax > 0),
  }));
  const { steps } = settingsOf(setting.configuration, setting, 'sgd');
  const entries = found.flatMap(({ own, ...optimizer }) => [
    exponentEntry(optimizer, own),
    breakingEntry(optimizer, own),
  ]);
  const powers = entries.flatMap(({ optimizer, measured, quantity }) =>
    quantity === 'exponent' ? [`${optimizer} ${measured === null ? 'unknown' : (-measured).toFixed(2)}`] : [],
  );
  return {
    entries,
    figure: {
      title: `The power of λmax that the best rate goes by: ${powers.join(', ')}`,
      ...{ yTitle: 'best rate', yLog: true },
      panels: found
        .filter(({ own }) => own.length > 0)
        .map(({ label, exponent, own }) => {
          const sorted = own.toSorted((a, b) => a.start.lambdaMax - b.start.lambdaMax);
          const x = sorted.map(({ start }) => start.lambdaMax);
          const optima = sorted.map(({ swept }) => swept.optimum!);
          const constant = geometricMean(optima.map(({ learningRate }, at) => learningRate * x[at]! ** exponent));
          return {
            title: label,
            xTitle: 'lambda_max',
            xLog: true,
            curves: [
              {
                ...{ name: 'best rate', x, look: 'marks' as const, color: 0 },
                y: optima.map(({ learningRate }) => learningRate),
                low: optima.map(({ low }) => low),
                high: optima.map(({ high }) => high),
              },
              {
                ...{ name: 'the law of the optimizer', x, look: 'dashed' as const, color: 1 },
                y: x.map((lambda) => constant * lambda ** -exponent),
              },
            ],
          };
        }),
    },
    how: `${steps} steps, each of the same ${rowsOf(setting).length} rows, at a constant rate; the loss at the end is that of those rows. ${setting.seeds.length} seeds of the initial values.`,
    table: {
      header: ['Optimizer', 'Method', 'lambda_max', 'Best rate', 'Interval', 'Breaks at', 'Limit'],
      rows: found.flatMap(({ label, own }) =>
        own.map(({ method, start, swept, limit }) => [
          label,
          method,
          start.lambdaMax.toPrecision(3),
          swept.optimum!.learningRate.toPrecision(3),
          `${swept.optimum!.low.toPrecision(3)} to ${swept.optimum!.high.toPrecision(3)}`,
          divergesAt(swept.points, 'lower')?.toPrecision(3) ?? '–',
          limit.toPrecision(3),
        ]),
      ),
    },
  };
}

/** The exponent of best rates against lambda_max with its interval: of the fit, or what the optima's own intervals allow. */
export function exponentOf(
  points: readonly { readonly lambda: number; readonly rate: number; readonly error: number }[],
) {
  const fit = fitPowerLaw(
    points.map(({ lambda }) => lambda),
    points.map(({ rate }) => rate),
  );
  if (fit === null || fit.slopeLow === null || fit.slopeHigh === null) return null;
  const logs = points.map(({ lambda }) => Math.log(lambda));
  const centre = mean(logs);
  const squares = logs.reduce((sum, log) => sum + (log - centre) ** 2, 0);
  const own =
    (1.96 * Math.sqrt(points.reduce((sum, { error }, at) => sum + ((logs[at]! - centre) * error) ** 2, 0))) / squares;
  const half = Math.max((fit.slopeHigh - fit.slopeLow) / 2, own);
  return { value: -fit.slope, low: -fit.slope - half, high: -fit.slope + half };
}

type Optimizer = (typeof optimizers)[number];

function exponentEntry({ label, exponent, name }: Optimizer, own: readonly Measured[]): ValidationEntry {
  const found = exponentOf(
    own.map(({ start, swept }) => {
      const { value, error } = logOf(swept.optimum!);
      return { lambda: start.lambdaMax, rate: Math.exp(value), error };
    }),
  );
  const common = {
    name: 'sgd',
    optimizer: label,
    claim: sgd.claim,
    quantity: 'exponent',
    expected: exponent,
  } as const;
  const predicted = `${label}: the best rate should go as lambda_max^-${exponent}`;
  if (found === null) return { ...common, ...unmeasured, words: `${predicted}; too few methods trained.` };
  const { value, low, high } = found;
  const isInside = low <= exponent && exponent <= high;
  // An interval that holds no power at all, or the other optimizer's, tells nothing.
  const rival = name === 'sgd' ? 0.5 : 1;
  // A best rate at the end of its grid may lie beyond it, whatever the interval of the fit says.
  const open = own.filter(({ swept }) => swept.optimum!.atGridEdge).length;
  const outcome =
    open > 0 ? 'undecided' : !isInside ? 'refuted' : (low <= rival && rival <= high) || low <= 0 ? 'undecided' : 'held';
  return {
    ...{ ...common, outcome, measured: value, low, high, open },
    words: `${predicted}; over ${own.length} methods${open > 0 ? `, ${open} of them with the best rate at the end of its grid,` : ''} the exponent is ${value.toFixed(2)} (95 % interval ${low.toFixed(2)} to ${high.toFixed(2)}): ${outcome}.`,
  };
}

function breakingEntry({ label, limit: formula }: Optimizer, own: readonly Measured[]): ValidationEntry {
  const ratios = own.flatMap(({ swept, limit }) => {
    const breaking = divergesAt(swept.points, 'lower');
    return breaking === null ? [] : [breaking / limit];
  });
  const common = {
    name: 'sgd',
    optimizer: label,
    claim: sgd.claim,
    quantity: 'breaking rate over limit',
    expected: 1,
  } as const;
  const predicted = `${label}: training should break within a factor ${nearLimit} of ${formula}`;
  const unbroken = own.length - ratios.length;
  const rest = unbroken > 0 ? ` (${unbroken} held at every rate that was tried)` : '';
  if (ratios.length < 2)
    return {
      ...{ ...common, ...unmeasured, measured: ratios[0] ?? null },
      words: `${predicted}; it broke in ${ratios.length} of ${own.length} methods.`,
    };
  const within = ratios.filter((ratio) => ratio >= 1 / nearLimit && ratio <= nearLimit).length;
  const { value, low, high } = geometricMeanOf(ratios);
  const isOutside = low > nearLimit || high < 1 / nearLimit;
  const outcome = isOutside ? 'refuted' : within === own.length ? 'held' : 'undecided';
  return {
    ...{ ...common, outcome, measured: value, low, high, within, of: own.length },
    words: `${predicted}; it did in ${within} of ${own.length} methods${rest}, at ${value.toPrecision(2)} times the limit in the mean (${intervalWords({ low, high })}): ${outcome}.`,
  };
}

/** The geometric mean of two ratios or more with its interval: few ratios take Student's t, as the mean of their logarithms. */
export function geometricMeanOf(ratios: readonly number[]): Bounded {
  const { value, low, high } = clusteredMean(ratios.map(Math.log), [...ratios.keys()]);
  return { value: Math.exp(value), low: Math.exp(low!), high: Math.exp(high!) };
}
