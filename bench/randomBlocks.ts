import { join } from 'node:path';
import {
  type BlockOperator,
  type CurvatureOperator,
  groupsByModule,
  hessian,
  type SymmetricOperator,
} from 'lambdamax/analysis';
import { type Precision, randomStream, type Vector } from 'lambdamax/compute';
import { type Adapter, createAdapter, loadModel } from 'lambdamax/training';
import { EigenvalueDecomposition, Matrix } from 'ml-matrix';
import type { ModelShape } from './models.ts';
import { batchOf, readTokens, writeProblem } from './problem.ts';

/** The Hessian at one point in one module's adapter tensors, all others held fixed. */
export interface RandomBlock {
  /** Method, point, module. */
  readonly name: string;
  /** In each of the precisions that were asked for, all of the same float32 parameters and weights. */
  readonly operators: readonly SymmetricOperator[];
}

/** Small enough for a dense matrix of each module's block. */
const shape: ModelShape = {
  ...{ hidden: 24, intermediate: 48, layers: 2, heads: 2, vocabulary: 64 },
  ...{ rows: 4, length: 16, rank: 2 },
};

/** Variants of one form, so that one compiled graph serves all. */
const methods = ['lora', 'pissa', 'milora', 'olora', 'init-ab', 'rslora', 'orthogonal'];

/**
 * Blocks of the Hessian of a small Llama: variants, modules, points (as they start, and moved from there) and seeds are drawn at
 * random.
 */
export async function* randomBlocks(
  folder: string,
  count: number,
  precisions: readonly Precision[],
): AsyncGenerator<RandomBlock> {
  const random = randomStream(0, 'stopping');
  const pick = <T>(list: readonly T[]): T => list[random.integer(list.length)]!;
  const path = join(folder, 'stopping');
  await writeProblem(path, shape);
  await using single = await loadModel(path, { threads: 1 });
  await using double = await loadModel(path, { precision: 'float64', threads: 1 });
  const models = { float32: single, float64: double };
  const batch = batchOf(await readTokens(path), shape);
  for (let index = 0; index < count; index++) {
    const method = pick(methods);
    const adapter = await createAdapter(single, { method, rank: shape.rank, alpha: 2 * shape.rank, initSeed: index });
    const spread = pick([0, 0.02, 0.2]);
    for (let i = 0; i < adapter.parameters.length; i++)
      adapter.parameters[i] = adapter.parameters[i]! + spread * random.normal();
    const { name, tensors } = pick(groupsByModule(adapter.layout));
    const operators: BlockOperator[] = [];
    const wholes: CurvatureOperator[] = [];
    for (const precision of precisions) {
      const at = precision === 'float64' ? inFloat64(adapter) : adapter;
      const linearised = await models[precision].program(at.layout, batch).linearise(at, batch.inputs);
      const whole = await hessian([{ scored: batch.scored, linearised }]);
      wholes.push(whole);
      operators.push(await whole.block(tensors));
    }
    yield { name: `${method}, moved by ${spread}, ${name}`, operators };
    for (const each of [...operators, ...wholes]) await each.release();
  }
}

/** A float32 adapter with the same values in float64. */
function inFloat64(adapter: Adapter): Adapter {
  const weights = new Map([...adapter.weights].map(([name, values]) => [name, Float64Array.from(values)]));
  return { ...adapter, parameters: Float64Array.from(adapter.parameters), weights };
}

/** Both ends of the spectrum of the operator's dense matrix. */
export async function denseEnds(
  operator: SymmetricOperator,
): Promise<{ readonly largest: number; readonly smallest: number }> {
  const rows: Vector[] = [];
  for (let index = 0; index < operator.size; index++) {
    const unit = new Float64Array(operator.size);
    unit[index] = 1;
    rows.push(await operator.apply(unit));
  }
  const matrix = new Matrix(rows.map((row) => Array.from(row)));
  const { realEigenvalues } = new EigenvalueDecomposition(matrix.add(matrix.transpose()).div(2), {
    assumeSymmetric: true,
  });
  return { largest: Math.max(...realEigenvalues), smallest: Math.min(...realEigenvalues) };
}
