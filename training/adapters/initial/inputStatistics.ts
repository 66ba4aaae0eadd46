import type * as tf from '@tensorflow/tfjs';
import { type Batch, totalSize, type Vector, zeros } from '../../../compute/index.ts';
import { toBatch } from '../../data/batches.ts';
import { notScored, type TokenRow } from '../../data/examples.ts';
import type { AdaptedModule } from '../../layout/form.ts';
import type { Model } from '../../model.ts';
import { type BatchShape, recordInputs, shapeOf } from '../../models/causal.ts';
import type { InputStatistics } from '../method.ts';
import { moduleGroups } from './moduleGroups.ts';

/** One layer's sums by name, in float64. */
export type StatisticSums = ReadonlyMap<string, Float64Array>;

/**
 * The statistics of each module's inputs over `rows`, as the base model computes them in its own precision: of a few modules
 * at a time, so that those of a whole model need not lie in memory together.
 */
export async function* inputStatistics(
  model: Model,
  modules: ReadonlyMap<string, AdaptedModule>,
  rows: readonly TokenRow[],
  statistics: InputStatistics,
): AsyncGenerator<[module: string, sums: StatisticSums]> {
  for (const group of moduleGroups(modules, ({ in: inputs }) => totalSize(statistics.tensors(inputs)))) {
    const sums = new Map(
      [...group].map(([module, { shape }]) => [
        module,
        new Map(statistics.tensors(shape.in).map((spec) => [spec.name, new Float64Array(totalSize([spec]))])),
      ]),
    );
    for (const [batch, shape] of byLength(rows, model.precision)) {
      const graph = recordInputs(model.decoder, new Set(group.keys()), shape, placeInputs(shape.length), (x, inputs) =>
        statistics.of(x, {
          present: inputs.get('present') as tf.Tensor1D,
          scored: inputs.get('scored') as tf.Tensor1D,
        }),
      );
      const { precision, checkpoint: weights, threads, backend } = model;
      const executable = await backend.compile(graph, { precision, weights, threads });
      try {
        for (const inputs of batch) {
          const results = await executable.run(new Map(Object.entries(inputs)));
          for (const [module, sum] of sums)
            for (const [name, values] of sum) add(values, results.get(`${module}.${name}`) as Vector);
        }
      } finally {
        await executable.release();
      }
    }
    yield* sums;
  }
}

/** Rows one by one, those of one shape together. */
function* byLength(rows: readonly TokenRow[], precision: Model['precision']): Generator<[Batch[], BatchShape]> {
  const shapes = new Map<string, [Batch[], BatchShape]>();
  for (const row of rows) {
    const batch = toBatch([row], { precision });
    const { length, inputs } = batch;
    const shape = shapeOf(batch);
    const known = shapes.get(JSON.stringify(shape)) ?? [[], shape];
    known[0].push({ ...inputs, ...places(row, length, precision) });
    shapes.set(JSON.stringify(shape), known);
  }
  yield* shapes.values();
}

function places({ inputIds, labels, attentionMask }: TokenRow, length: number, precision: Model['precision']): Batch {
  const [present, scored] = [zeros(length, precision), zeros(length, precision)];
  for (let position = 0; position < inputIds.length; position++) {
    if (attentionMask !== undefined && attentionMask[position] === 0) continue;
    present[position] = 1;
    if (labels[position] !== notScored) scored[position] = 1;
  }
  return { present, scored };
}

function placeInputs(length: number) {
  return ['present', 'scored'].map((name) => ({ name, shape: [length], dtype: 'float32' }) as const);
}

function add(sum: Float64Array, part: Vector): void {
  for (let index = 0; index < sum.length; index++) sum[index]! += part[index]!;
}
