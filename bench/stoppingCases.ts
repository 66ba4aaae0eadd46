import { join } from 'node:path';
import { groupsByModule, hessian, lanczos, type SymmetricOperator } from 'lambdamax/analysis';
import { type ModelName, models } from './models.ts';
import { readProblem, writeProblem } from './problem.ts';
import { denseEnds, randomBlocks } from './randomBlocks.ts';

/** An operator, and its eigenvalues. */
export interface StoppingCase {
  /** Method, point, module. */
  readonly name: string;
  readonly operator: SymmetricOperator;
  readonly largest: number;
  /** The largest in size. */
  readonly dominant: number;
}

/**
 * Hessians of a small Llama in float64, in the adapter tensors of one module each; see {@link randomBlocks}. The eigenvalues are
 * those of the dense matrix.
 */
export async function* randomCases(folder: string, count: number): AsyncGenerator<StoppingCase> {
  for await (const { name, operators } of randomBlocks(folder, count, ['float64'])) {
    const [operator] = operators as [SymmetricOperator];
    const { largest, smallest } = await denseEnds(operator);
    yield { name, operator, ...endsOf(smallest, largest) };
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

function endsOf(smallest: number, largest: number): Ends {
  return { largest, dominant: -smallest > largest ? smallest : largest };
}
