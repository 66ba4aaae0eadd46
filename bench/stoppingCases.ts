import { join } from 'node:path';
import { groupsByModule, hessian, lanczos, type SymmetricOperator } from 'lambdamax/analysis';
import { randomStream, type Vector } from 'lambdamax/compute';
import { createAdapter, loadModel } from 'lambdamax/training';
import { EigenvalueDecomposition, Matrix } from 'ml-matrix';
import { type ModelName, type ModelShape, models } from './models.ts';
import { batchOf, readProblem, readTokens, writeProblem } from './problem.ts';

/** An operator, and its eigenvalues. */
export interface StoppingCase {
  /** Method, point, module. */
  readonly name: string;
  readonly operator: SymmetricOperator;
  readonly largest: number;
  /** The largest in size. */
  readonly dominant: number;
}

/** Small enough for a dense matrix of each module's block. */
const shape: ModelShape = {
  ...{ hidden: 24, intermediate: 48, layers: 2, heads: 2, vocabulary: 64 },
  ...{ rows: 4, length: 16, rank: 2 },
};

/** Variants of one form, so that one compiled graph serves all. */
const methods = ['lora', 'pissa', 'milora', 'olora', 'init-ab', 'rslora', 'orthogonal'];

/**
 * Hessians of a small Llama in float64, in the adapter tensors of one module each: variants, modules, points (as they start, and
 * moved from there) and seeds are drawn at random. The eigenvalues are those of the dense matrix.
 */
export async function* randomCases(folder: string, count: number): AsyncGenerator<StoppingCase> {
  const random = randomStream(0, 'stopping');
  const pick = <T>(list: readonly T[]): T => list[random.integer(list.length)]!;
  const path = join(folder, 'stopping');
  await writeProblem(path, shape);
  await using model = await loadModel(path, { precision: 'float64', threads: 1 });
  const batch = batchOf(await readTokens(path), shape);
  for (let index = 0; index < count; index++) {
    const method = pick(methods);
    const adapter = await createAdapter(model, { method, rank: shape.rank, initSeed: index });
    const spread = pick([0, 0.02, 0.2]);
    for (let i = 0; i < adapter.parameters.length; i++)
      adapter.parameters[i] = adapter.parameters[i]! + spread * random.normal();
    const linearised = await model.program(adapter.layout, batch).linearise(adapter, batch.inputs);
    await using whole = await hessian([{ scored: batch.scored, linearised }]);
    const { name, tensors } = pick(groupsByModule(adapter.layout));
    const block = await whole.block(tensors);
    yield { name: `${method}, moved by ${spread}, ${name}`, operator: block, ...(await denseEnds(block)) };
    await block.release();
  }
}

/**
 * The Hessian of a bench's model in each module's adapter tensors, and in all of them, in float32 at a perturbed point. The
 * eigenvalues are those that Lanczos finds to 1e-5.
 */
export async function* modelCases(folder: string, name: ModelName, threads: number): AsyncGenerator<StoppingCase> {
  const path = join(folder, name);
  await writeProblem(path, models[name]);
  const { model, adapter, program, point, batch } = await readProblem(path, { threads });
  await using _ = model;
  await using whole = await hessian([{ scored: 1, linearised: await program.linearise(point, batch) }]);
  yield { name: 'the whole', operator: whole, ...(await lanczosEnds(whole)) };
  for (const { name, tensors } of groupsByModule(adapter.layout)) {
    const block = await whole.block(tensors);
    yield { name, operator: block, ...(await lanczosEnds(block)) };
    await block.release();
  }
}

type Ends = Pick<StoppingCase, 'largest' | 'dominant'>;

async function lanczosEnds(operator: SymmetricOperator): Promise<Ends> {
  const { lambdaMax, lambdaMin } = await lanczos(operator, { tolerance: 1e-5, maxSteps: 400, seed: 'truth' });
  return endsOf(lambdaMin!.value, lambdaMax!.value);
}

async function denseEnds(operator: SymmetricOperator): Promise<Ends> {
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
  return endsOf(Math.min(...realEigenvalues), Math.max(...realEigenvalues));
}

function endsOf(smallest: number, largest: number): Ends {
  return { largest, dominant: -smallest > largest ? smallest : largest };
}
