import { compile, type Point, totalSize, type Vector, viewTensors, zeros } from '../../../compute/index.ts';
import { batchesOf, type TokenBatch, toBatch } from '../../data/batches.ts';
import { scoredPositions, type TokenRow } from '../../data/examples.ts';
import type { AdaptedModule } from '../../layout/form.ts';
import { type AdapterLayout, layoutTensors } from '../../layout/layout.ts';
import type { Model } from '../../model.ts';
import { shapeOf, traceCausalLoss } from '../../models/causal.ts';
import { wholeWeight } from '../forms/wholeWeight.ts';
import { moduleGroups } from './moduleGroups.ts';

/** Rows computed at once. */
const rowsAtOnce = 8;

/**
 * The gradient of the mean loss over `rows` in the matrix W [out, in] of each module, in the model's precision: of a few
 * modules at a time, so that the gradients of a whole model need not lie in memory together.
 */
export async function* weightGradients(
  model: Model,
  modules: ReadonlyMap<string, AdaptedModule>,
  rows: readonly TokenRow[],
): AsyncGenerator<[module: string, gradient: Vector]> {
  for (const group of moduleGroups(modules, ({ out, in: inputs }) => out * inputs)) {
    const layout = { form: wholeWeight, modules: group };
    const gradient = await meanGradient(model, layout, await pointOf(model, layout), rows);
    const views = viewTensors(gradient, layoutTensors(layout));
    for (const module of group.keys()) yield [module, views.get(`${module}.full_weight`)!];
  }
}

async function pointOf(model: Model, layout: AdapterLayout): Promise<Point> {
  const parameters = zeros(totalSize(layoutTensors(layout)), model.precision);
  const views = viewTensors(parameters, layoutTensors(layout));
  for (const module of layout.modules.keys())
    views.get(`${module}.full_weight`)!.set(await model.matrix(model.module(module)));
  return { parameters };
}

async function meanGradient(
  model: Model,
  layout: AdapterLayout,
  point: Point,
  rows: readonly TokenRow[],
): Promise<Vector> {
  const { precision, checkpoint: weights, threads, backend } = model;
  const height = Math.min(rowsAtOnce, rows.length);
  const total = rows.reduce((sum, row) => sum + scoredPositions(row), 0);
  const gradient = zeros(point.parameters.length, precision);
  const byShape = new Map<string, TokenBatch[]>();
  for (const part of batchesOf(rows, rowsAtOnce)) {
    const batch = toBatch(part, { rows: height, precision });
    const shape = JSON.stringify(shapeOf(batch));
    byShape.set(shape, [...(byShape.get(shape) ?? []), batch]);
  }
  for (const batches of byShape.values()) {
    const traced = traceCausalLoss(model.decoder, layout, shapeOf(batches[0]!));
    await using program = compile(traced, { precision, weights, threads, backend });
    for (const batch of batches) {
      const part = (await program.gradient(point, batch.inputs)).gradient;
      const share = batch.scored / total;
      for (let index = 0; index < gradient.length; index++) gradient[index]! += share * part[index]!;
    }
  }
  return gradient;
}
