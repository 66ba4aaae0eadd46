import { fileURLToPath } from 'node:url';
import { Matrix, SingularValueDecomposition } from 'ml-matrix';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { groupOf } from '../../analysis/curvature/operators/groups.ts';
import { hessian } from '../../analysis/curvature/operators/hessian.ts';
import { randomStream } from '../../compute/index.ts';
import { lanczos } from '../../numerics/krylov/lanczos.ts';
import type { SymmetricOperator } from '../../numerics/krylov/operator.ts';
import { type Adapter, createAdapter } from '../../training/adapters/create.ts';
import { weightGradients } from '../../training/adapters/initial/gradients.ts';
import { toBatch } from '../../training/data/batches.ts';
import type { TokenRow } from '../../training/data/examples.ts';
import { loadModel, type Model } from '../../training/model.ts';
import { readProblems, taskTokenRows } from '../../training/taskData.ts';
import { mathFamily } from '../../training/tasks/math/family.ts';
import { referenceAdapter, referenceModel, referenceRows } from '../cases/reference.ts';
import { relativeError } from '../oracles/relativeError.ts';

// Where B = 0 the Hessian in one module's A and B is [[0, K'], [K, D]]. K is s dL/dW once for each of the rank's terms, so that
// [[0, K'], [K, 0]] has the eigenvalues +-s sigma_i(dL/dW); D, the curvature in B alone, adds what is bounded below.

/** Relative error that Lanczos is asked for. */
const tolerance = 1e-6;

/** What is known of one module at B = 0. */
interface AtZero {
  readonly name: string;
  /** By Lanczos. */
  readonly lambdaMax: number;
  /** s sigma_max(dL/dW). */
  readonly gradientNorm: number;
  /** What lambda_max must lie between. */
  readonly low: number;
  readonly high: number;
  /** How far H (A, 0) is from (0, s dL/dW A') for a random A, relative to that. */
  readonly mixedError: number;
}

async function atZero(model: Model, adapter: Adapter, rows: readonly TokenRow[], which: RegExp): Promise<AtZero[]> {
  const batch = toBatch(rows, { precision: model.precision });
  const linearised = await model.program(adapter.layout, batch).linearise(adapter, batch.inputs);
  await using whole = await hessian([{ scored: batch.scored, linearised }]);
  const modules = new Map([...adapter.layout.modules].filter(([name]) => which.test(name)));
  const found: AtZero[] = [];
  for await (const [name, values] of weightGradients(model, modules, rows)) {
    const { shape, size } = modules.get(name)!;
    const gradient = Matrix.from1DArray(shape.out, shape.in, Array.from(values)).mul(adapter.layout.form.scaling(size));
    const block = await whole.block(groupOf(adapter.layout, [name], name).tensors);
    const ofB = await whole.block([`${name}.lora_B.weight`]);
    const svd = new SingularValueDecomposition(gradient, { autoTranspose: true });
    const gradientNorm = svd.diagonal[0]!;
    const most = await largest(ofB);
    found.push({
      name,
      lambdaMax: await largest(block),
      gradientNorm,
      // On the eigenvectors (a, u w') / sqrt 2 of [[0, K'], [K, 0]], u the first left vector, D adds half its own form.
      low: gradientNorm + (await largest(compressed(ofB, svd.leftSingularVectors.getColumn(0), size.rank))) / 2,
      // For the eigenvector (a, b), |b| = 1: lambda a = K'b and lambda b = K a + D b, so lambda^2 <= sigma^2 + lambda d.
      high: most / 2 + Math.hypot(gradientNorm, most / 2),
      mixedError: await mixedError(block, gradient, size.rank),
    });
    await block.release();
    await ofB.release();
  }
  return found;
}

async function largest(operator: SymmetricOperator): Promise<number> {
  const { lambdaMax, outcome } = await lanczos(operator, { tolerance, maxSteps: 200, ends: 'largest' });
  assert.is.not(outcome, 'stepLimit');
  return lambdaMax!.value;
}

async function mixedError(block: SymmetricOperator, gradient: Matrix, rank: number): Promise<number> {
  const random = randomStream(1, 'A');
  const entries = Array.from({ length: rank * gradient.columns }, () => random.normal());
  const A = Matrix.from1DArray(rank, gradient.columns, entries);
  const direction = new Float64Array(block.size);
  direction.set(entries);
  const expected = new Float64Array(block.size);
  expected.set(gradient.mmul(A.transpose()).to1DArray(), rank * gradient.columns);
  return relativeError(await block.apply(direction), expected);
}

/** D on the matrices u w' [out, rank], as an operator on w. */
function compressed(ofB: SymmetricOperator, u: readonly number[], rank: number): SymmetricOperator {
  return {
    size: rank,
    precision: ofB.precision,
    async apply(w) {
      const image = await ofB.apply(
        Float64Array.from({ length: ofB.size }, (_, index) => u[Math.floor(index / rank)]! * w[index % rank]!),
      );
      return Float64Array.from({ length: rank }, (_, term) =>
        u.reduce((sum, entry, row) => sum + entry * image[row * rank + term]!, 0),
      );
    },
  };
}

/** `most` is the largest lambda_max / (s sigma_max) that is expected. */
function check(all: readonly AtZero[], count: number, most: number): void {
  assert.is(all.length, count);
  for (const { name, lambdaMax, gradientNorm, low, high, mixedError } of all) {
    assert.ok(mixedError < 1e-9, `${name}: the mixed block is ${mixedError} off`);
    const slack = 2 * tolerance * lambdaMax;
    assert.ok(low - slack < lambdaMax && lambdaMax < high + slack, `${name}: ${lambdaMax} outside [${low}, ${high}]`);
    assert.ok(lambdaMax < most * gradientNorm, `${name}: ${lambdaMax}, s sigma_max is ${gradientNorm}`);
  }
}

// EVA's A is where the inputs are, so that D is large.
for (const [variant, most] of [
  ['lora', 1.12],
  ['eva', 4],
] as const)
  test(`where B = 0 the top of a module's Hessian is s sigma_max(dL/dW) and what B's own curvature adds: ${variant}`, async () => {
    await using model = await referenceModel('llama', 'float64');
    const adapter = await referenceAdapter(model, variant, 'init');
    check(await atZero(model, adapter, referenceRows('llama'), /layers\.0\./), 7, most);
  });

test('the same on the bundled base, and its problems', async () => {
  const base = fileURLToPath(new URL('../../fixtures/base', import.meta.url));
  await using model = await loadModel(base, { precision: 'float64', threads: 1 });
  const problems = await readProblems(mathFamily, { split: 'train', limit: 2 });
  const rows = (await taskTokenRows(model, mathFamily, problems)).map(({ row }) => row!);
  const adapter = await createAdapter(model, {
    method: 'lora',
    rank: 8,
    alpha: 8,
    targetModules: 'q_proj,v_proj,down_proj',
  });
  check(await atZero(model, adapter, rows, /layers\.[02]\.(self_attn|mlp)\.(q|v|down)_proj/), 6, 1.05);
});

test.run();
