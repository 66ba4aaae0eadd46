import { forwardPrice } from '../../analysis/curvature/updateCurvature.ts';
import type { Adapter } from '../../training/adapters/create.ts';
import type { TokenRow } from '../../training/data/examples.ts';
import { firstRows } from '../../training/data/split.ts';
import type { Model } from '../../training/model.ts';
import type { Configuration } from '../configurations/configuration.ts';
import { readMeasurement, writeMeasurement } from '../folder/measured.ts';
import { startingAdapter } from '../measure/execute.ts';
import { runConfiguration } from '../plan/plan.ts';
import type { PlannedStudy } from '../planStudy.ts';
import type { WorkOptions } from '../workers.ts';

/** What all tests are made on. */
export interface ValidationSetting {
  readonly model: Model;
  /** The study that the options lead to: the method's configuration, its data, and how these are scored. */
  readonly base: PlannedStudy;
  /** The method's configuration: AdamW, the usual schedule. */
  readonly configuration: Configuration;
  /** Rows to train on, and rows that losses are taken on; without enough rows the latter are the former. */
  readonly rows: readonly TokenRow[];
  readonly scored: readonly TokenRow[];
  /** Where all that is measured lies. */
  readonly folder: string;
  readonly seeds: readonly number[];
  /** Modules that are sharpened, one at a time. */
  readonly sharpModules: number;
  readonly work: WorkOptions;
  readonly signal?: AbortSignal | undefined;
}

/** The price of an exact product, linearised, in gradients of the same batch: 1.1 to 1.4, as `npm run bench -- hvp` measures them. */
export const productPrice = 1.4;

/** Scored tokens that a Hessian is a mean over. */
export const measuredTokens = 400;

/** The price of so many products with a Hessian, in gradients of a batch. */
export function priceOfProducts({ rows, configuration }: ValidationSetting, products: number): number {
  return (productPrice * products * firstRows(rows, measuredTokens).length) / configuration.batchSize;
}

/** The price of a run in gradients of a batch of the usual size: its steps, and its score. */
export function priceOfRun(
  { configuration, scored }: ValidationSetting,
  { steps = configuration.steps, batchSize = configuration.batchSize } = {},
): number {
  return (steps * batchSize + forwardPrice * scored.length) / configuration.batchSize;
}

/** How many runs a sweep is expected to take: its rates by the first seed, and three about the best one by each further seed. */
export function runsOfSweep({ seeds }: ValidationSetting, rates = 6): number {
  return rates + (seeds.length - 1) * Math.min(3, rates);
}

/** The adapter that the method starts from, under a seed. */
export function startOf(
  { model, base: { plan }, rows }: ValidationSetting,
  configuration: Configuration,
  seed: number,
): Promise<Adapter> {
  return startingAdapter(model, runConfiguration(plan, { configuration, learningRate: 0, seed }), rows);
}

/**
 * What was measured of this once and lies in the setting's folder; else it is measured now, and written there. `what` is all that it
 * follows from besides the model, the data and the code.
 */
export async function measuredOnce<Measured extends object>(
  { folder, base: { plan }, signal }: ValidationSetting,
  configuration: Configuration,
  what: { readonly measured: string } & Readonly<Record<string, unknown>>,
  measure: () => Promise<Measured>,
): Promise<Measured> {
  signal?.throwIfAborted();
  const {
    validationHash: _,
    task: _task,
    ...run
  } = runConfiguration(plan, { configuration, learningRate: 0, seed: 0 });
  const key = { ...run, ...what };
  const stored = await readMeasurement(folder, 'measured', key);
  if (stored !== null) return stored as unknown as Measured;
  await writeMeasurement(folder, 'measured', key, await measure());
  return (await readMeasurement(folder, 'measured', key)) as unknown as Measured;
}
