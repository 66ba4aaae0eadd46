import { updateCurvature } from '../../analysis/curvature/updateCurvature.ts';
import { LambdamaxError } from '../../errors.ts';
import type { Adapter } from '../../training/adapters/create.ts';
import { firstRows } from '../../training/data/split.ts';
import { finetune } from '../../training/finetune/finetune.ts';
import { adamDefaults } from '../../training/optimizers/adamw.ts';
import type { OptimizerOptions } from '../../training/optimizers/index.ts';
import { usualSpectra } from '../plan/measurements.ts';
import { rescaledAdapter } from './rescaled.ts';
import {
  measuredOnce,
  measuredTokens,
  priceOfProducts,
  priceOfRun,
  startOf,
  type ValidationSetting,
} from './setting.ts';
import { type StartCurvature, scaledWarmup, startCurvature } from './startCurvature.ts';
import type { ValidationEntry, ValidationFindings, ValidationTest } from './validationTest.ts';

/** K: parameters are divided by it. A power of two, so that nothing is rounded otherwise. */
const factor = 4;
const steps = 20;
const momentum = 0.9;
/** Relative differences below these are none: of lambda_max; of losses; of Adam's curvature and the line search. */
const lambdaTolerance = 1e-6;
const lossTolerance = 1e-5;
const rateTolerance = 1e-3;

/** How an optimizer's rate goes with a change of scale: rate / K for Adam, rate / K^2 for descent. */
interface ScaledOptimizer {
  readonly label: string;
  readonly name: string;
  /** The power of K that its rate goes by, as its steps are written. */
  readonly power: 1 | 2;
  /** Its settings where parameters are so many times smaller. */
  options(smaller: number): OptimizerOptions;
  /** A rate at which the loss falls, from what was measured at the start. */
  rate(start: Start): number;
}

const optimizers: readonly ScaledOptimizer[] = [
  {
    ...{ label: 'AdamW', name: 'adamw', power: 1 },
    // The gradient is as many times larger, and so is what is added to its size.
    options: (smaller) => ({ eps: smaller * adamDefaults.eps, weightDecay: 0 }),
    rate: ({ lineSearch, limits }) => lineSearch ?? (limits.adamw ?? 1e-2) / 4,
  },
  { ...{ label: 'SGD', name: 'sgd', power: 2 }, options: () => ({ momentum: 0, weightDecay: 0 }), rate: descentRate },
  {
    ...{ label: 'SGD with momentum', name: 'sgd', power: 2 },
    options: () => ({ momentum, weightDecay: 0 }),
    rate: (start) => (1 - momentum) * descentRate(start),
  },
];

/** Half of the largest stable rate. */
function descentRate({ lambdaMax }: Start): number {
  return 1 / lambdaMax;
}

/** What is measured at the start, at either scale. */
interface Start extends StartCurvature {
  /** The rate of the least loss along Adam's step; null where no rate lowered the loss. */
  readonly lineSearch: number | null;
}

/** A run: the loss of each step's batch, and that at the end. */
interface Trained {
  readonly losses: readonly number[];
  readonly finalLoss: number | null;
}

/** One optimizer's runs: as it is, and rescaled at the rate of each power of K. */
interface Runs {
  readonly optimizer: ScaledOptimizer;
  readonly rate: number;
  readonly plain: Trained;
  readonly rescaled: Readonly<Record<1 | 2, Trained>>;
}

/** T1: parameters in other units, the function as it was. */
export const scale: ValidationTest = {
  name: 'scale',
  title: 'Change of scale',
  claim: `With the parameters ${factor} times smaller and the function as it was, lambda_max is ${factor ** 2} times as large: a best rate of c / lambda_max would be ${factor ** 2} times smaller.`,
  price(setting) {
    const runs = 3 * optimizers.length;
    const products = 4 * 40;
    const gradients = runs * priceOfRun(setting, { steps }) + 4 * (usualSpectra.warmup.steps + 20);
    return { runs, products, gradientEvaluations: gradients + priceOfProducts(setting, products) };
  },
  async fault(setting) {
    try {
      rescaledAdapter(await startOf(setting, setting.configuration, setting.seeds[0]!), factor);
      return null;
    } catch (error) {
      if (error instanceof LambdamaxError) return error;
      throw error;
    }
  },
  async carryOut(setting, onPart) {
    const adapter = await startOf(setting, setting.configuration, setting.seeds[0]!);
    const rescaled = rescaledAdapter(adapter, factor);
    const planned = 2 + 3 * optimizers.length;
    let done = 0;
    const tell = (words: string): void => onPart(words, done++, planned);
    tell('curvature as it is');
    const plain = await measureStart(setting, adapter, 1);
    tell(`curvature, parameters ${factor} times smaller`);
    const small = await measureStart(setting, rescaled, factor);
    const all: Runs[] = [];
    for (const optimizer of optimizers) {
      const rate = optimizer.rate(plain);
      const run = async (of: Adapter, smaller: number, power: 0 | 1 | 2): Promise<Trained> => {
        tell(`${optimizer.label} at ${power === 0 ? 'the rate' : power === 1 ? 'rate / K' : 'rate / K^2'}`);
        return train(setting, of, optimizer, smaller, rate / factor ** power);
      };
      all.push({
        optimizer,
        rate,
        plain: await run(adapter, 1, 0),
        rescaled: { 1: await run(rescaled, factor, 1), 2: await run(rescaled, factor, 2) },
      });
    }
    return findingsOf(setting, all, plain, small);
  },
};

/** lambda_max, what Adam sees of it, and the line search along Adam's step, of an adapter with parameters so many times smaller. */
function measureStart(setting: ValidationSetting, adapter: Adapter, smaller: number): Promise<Start> {
  const { model, rows, configuration } = setting;
  const { batchSize } = configuration;
  const seed = setting.seeds[0]!;
  return measuredOnce(setting, configuration, { measured: 'scale, start', smaller, seed }, async () => {
    const measured = firstRows(rows, measuredTokens);
    const curvature = await startCurvature(model, adapter, { measured, rows, batchSize, seed, smaller });
    const options = { ...scaledWarmup(smaller), batchSize, seed, exact: false, directions: 2 };
    const { lineSearch } = await updateCurvature(model, adapter, rows, options);
    return { ...curvature, lineSearch: lineSearch.learningRate };
  });
}

function train(
  setting: ValidationSetting,
  start: Adapter,
  optimizer: ScaledOptimizer,
  smaller: number,
  learningRate: number,
): Promise<Trained> {
  const { model, rows, configuration, signal } = setting;
  const { batchSize } = configuration;
  const seed = setting.seeds[0]!;
  const what = { measured: 'scale, run', optimizer: optimizer.label, smaller, learningRate, steps, seed };
  return measuredOnce(setting, configuration, what, async () => {
    const losses: number[] = [];
    const adapter = { ...start, parameters: start.parameters.slice() };
    const { finalLoss } = await finetune(model, adapter, rows, {
      ...{ optimizer: optimizer.name, optimizerOptions: optimizer.options(smaller), learningRate },
      ...{ schedule: 'constant', warmupSteps: 0, steps, batchSize, seed, shuffle: true },
      onStep({ loss }) {
        signal?.throwIfAborted();
        losses.push(loss);
      },
    });
    return { losses, finalLoss };
  });
}

function findingsOf(setting: ValidationSetting, all: readonly Runs[], plain: Start, small: Start): ValidationFindings {
  const lambdaRatio = small.lambdaMax / plain.lambdaMax;
  const preconditionedRatio = small.preconditioned / plain.preconditioned;
  const lineSearchRatio =
    plain.lineSearch === null || small.lineSearch === null ? null : plain.lineSearch / small.lineSearch;
  const curvature = { lambdaRatio, preconditionedRatio, lineSearchRatio };
  const isAsDerived =
    isNear(lambdaRatio, factor ** 2, lambdaTolerance) &&
    isNear(preconditionedRatio, factor, rateTolerance) &&
    (lineSearchRatio === null || isNear(lineSearchRatio, factor, rateTolerance));
  const entries = all.map((runs) => entryOf(runs, curvature, isAsDerived));
  const found = entries.map(({ optimizer, measured }) => `${optimizer} ${measured ?? 'at no rate'}`).join(', ');
  return {
    entries,
    figure: {
      title: `The same loss comes back at a rate so many times smaller: ${found}; 1 / λmax wants ${factor ** 2}`,
      yTitle: 'loss of the step’s batch',
      panels: all.map(({ optimizer, plain, rescaled }) => ({
        title: optimizer.label,
        xTitle: 'step',
        curves: [
          { name: 'as it is', ...curveOf(plain), color: 0 },
          { name: 'rescaled, rate / K', ...curveOf(rescaled[1]), look: 'marks' as const, color: 1 },
          { name: 'rescaled, rate / K²', ...curveOf(rescaled[2]), look: 'dashed' as const, color: 2 },
        ],
      })),
    },
    how: `K = ${factor}; ${steps} steps of ${setting.configuration.batchSize} rows at a constant rate, seed ${setting.seeds[0]}. Adam’s eps goes with the gradient, weight decay is 0. Curvature on the first rows with ${measuredTokens} scored tokens.`,
    table: {
      header: ['What', 'As it is', 'Rescaled', 'Ratio', 'Derived'],
      rows: [
        row('lambda_max', plain.lambdaMax, small.lambdaMax, factor ** 2),
        row('lambda_pre, as Adam sees it', plain.preconditioned, small.preconditioned, factor),
        row('line search along Adam’s step', plain.lineSearch, small.lineSearch, 1 / factor),
        ...all.map(({ optimizer: { label, power }, plain, rescaled }) =>
          row(`loss, ${label}, rate / K${power === 2 ? '²' : ''}`, plain.finalLoss, rescaled[power].finalLoss, 1),
        ),
        ...all.map(({ optimizer: { label, power }, plain, rescaled }) => {
          const other = power === 1 ? 2 : 1;
          const last = rescaled[other].finalLoss;
          return [
            `loss, ${label}, rate / K${other === 2 ? '²' : ''}`,
            shown(plain.finalLoss),
            shown(last),
            plain.finalLoss === null || last === null ? '–' : (last / plain.finalLoss).toPrecision(7),
            'another',
          ];
        }),
      ],
    },
  };
}

function row(what: string, before: number | null, after: number | null, derived: number): string[] {
  const ratio = before === null || after === null ? '–' : (after / before).toPrecision(8);
  return [what, shown(before), shown(after), ratio, String(derived)];
}

function shown(value: number | null): string {
  return value === null ? '–' : value.toPrecision(7);
}

function curveOf({ losses }: Trained) {
  return { x: losses.map((_, index) => index + 1), y: losses };
}

function entryOf(
  { optimizer, rate, plain, rescaled }: Runs,
  curvature: Readonly<Record<string, number | null>>,
  isAsDerived: boolean,
): ValidationEntry {
  const differences = ([1, 2] as const).map((power) => ({
    power,
    difference: differenceOf(plain.finalLoss, rescaled[power].finalLoss),
  }));
  // Where both give the same loss, training moved nothing, and nothing can be told.
  const same = differences.filter(({ difference }) => difference !== null && difference <= lossTolerance);
  const found = same.length === 1 ? same[0]! : null;
  const outcome = found === null || !isAsDerived ? 'undecided' : found.power === 2 ? 'held' : 'refuted';
  const rateRatio = found === null ? null : factor ** found.power;
  return {
    name: 'scale',
    optimizer: optimizer.label,
    claim: scale.claim,
    outcome,
    expected: factor ** 2,
    measured: rateRatio,
    low: null,
    high: null,
    ...curvature,
    rateRatio,
    lossDifference: found?.difference ?? null,
    learningRate: rate,
    words: wordsOf(optimizer, outcome, rateRatio, found?.difference ?? null),
  };
}

function wordsOf(
  { label }: ScaledOptimizer,
  outcome: ValidationEntry['outcome'],
  rateRatio: number | null,
  difference: number | null,
): string {
  const predicted = `${label}: c / lambda_max wants a rate ${factor ** 2} times smaller`;
  if (rateRatio === null || difference === null)
    return `${predicted}; no rate, or both, gave the loss that was there before, so nothing can be told.`;
  const seen = `the loss after ${steps} steps comes back to ${difference === 0 ? 'the last bit' : difference.toExponential(0)} at a rate ${rateRatio} times smaller`;
  if (outcome === 'undecided') return `${predicted}; ${seen}, but curvature did not scale as it should have.`;
  const judged =
    outcome === 'held' ? 'the claim holds' : 'c / sqrt(lambda_max) has this exponent, 1 / lambda_max has not';
  return `${predicted}; ${seen}: ${judged}.`;
}

function differenceOf(a: number | null, b: number | null): number | null {
  return a === null || b === null ? null : Math.abs(b / a - 1);
}

function isNear(value: number, expected: number, tolerance: number): boolean {
  return Math.abs(value / expected - 1) <= tolerance;
}
