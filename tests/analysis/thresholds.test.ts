import { Matrix } from 'ml-matrix';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { lanczos } from '../../analysis/algorithms/lanczos.ts';
import { hessian } from '../../analysis/operators/hessian.ts';
import { preconditioned } from '../../analysis/operators/preconditioned.ts';
import { thresholds } from '../../analysis/thresholds.ts';
import { norm } from '../../analysis/vectors.ts';
import { randomStream } from '../../compute/random.ts';
import { linearisedQuadratic, multiply } from '../cases/matrixOperator.ts';
import { assertClose } from '../oracles/close.ts';
import { throwsClearly } from '../oracles/throws.ts';

const size = 12;
const steps = 3000;

/** A random positive definite matrix G'G / size, and a random preconditioner over two decades. */
function quadratic(seed: number) {
  const random = randomStream(seed, 'quadratic');
  const factor = new Matrix(
    Array.from({ length: 2 * size }, () => Array.from({ length: size }, () => random.normal())),
  );
  return {
    matrix: factor.transpose().mmul(factor).div(size),
    diagonal: Float64Array.from({ length: size }, () => 10 ** (2 * random.uniform() - 1)),
    start: Float64Array.from({ length: size }, () => random.normal()),
  };
}

/** An optimizer as it is written down: from the gradient and its own memory [size] the step to subtract. */
type Rule = (gradient: Float64Array, memory: Float64Array) => Float64Array;

/** How many times farther from the minimum of x'Hx/2 the iteration ends than it began. */
function growth(matrix: Matrix, start: Float64Array, rate: number, rule: Rule): number {
  const x = start.slice();
  const memory = new Float64Array(size);
  for (let step = 0; step < steps; step++) {
    const update = rule(multiply(matrix, x, 'float64') as Float64Array, memory);
    for (let i = 0; i < size; i++) x[i]! -= rate * update[i]!;
  }
  return norm(x) / norm(start);
}

for (let seed = 0; seed < 4; seed++) {
  for (const beta of [0, 0.5, 0.9]) {
    test(`each optimizer is stable 1 % below its threshold and not 1 % above, beta ${beta}, seed ${seed}`, async () => {
      const { matrix, diagonal, start } = quadratic(seed);
      const parts = [{ scored: 1, linearised: linearisedQuadratic(matrix, new Float64Array(size), 0) }];
      const operator = await hessian(parts);
      const top = async (of: typeof operator | ReturnType<typeof preconditioned>) =>
        (await lanczos(of, { tolerance: 1e-8 })).lambdaMax!.value;
      const { gradientDescent, momentum, adam } = thresholds({
        lambdaMax: await top(operator),
        preconditionedLambdaMax: await top(preconditioned(operator, diagonal)),
        momentum: beta,
        beta1: beta,
      });
      const heavyBall: Rule = (gradient, memory) => {
        for (let i = 0; i < size; i++) memory[i] = beta * memory[i]! + gradient[i]!;
        return memory;
      };
      const frozenAdam: Rule = (gradient, memory) => {
        for (let i = 0; i < size; i++) memory[i] = beta * memory[i]! + (1 - beta) * gradient[i]!;
        return memory.map((entry, i) => entry / diagonal[i]!);
      };
      const rules: [string, number, Rule][] = [
        ['gradient descent', gradientDescent!, (gradient) => gradient],
        ['momentum', momentum!, heavyBall],
        ['Adam', adam!, frozenAdam],
      ];
      for (const [name, threshold, rule] of rules) {
        const below = growth(matrix, start, 0.99 * threshold, rule);
        const above = growth(matrix, start, 1.01 * threshold, rule);
        assert.ok(below < 1 && above > 1e6, `${name}: grew ${below} below, ${above} above`);
      }
    });
  }
}

test('the usual settings give 2, 3.8 and 38 over the eigenvalue', () => {
  const { gradientDescent, momentum, adam } = thresholds({ lambdaMax: 4, preconditionedLambdaMax: 10 });
  assertClose([gradientDescent!, momentum!, adam!], [0.5, 0.95, 3.8], 1e-15);
});

test('without momentum all three coincide', () => {
  const limits = thresholds({ lambdaMax: 3, preconditionedLambdaMax: 3, momentum: 0, beta1: 0 });
  assert.equal(limits, { gradientDescent: 2 / 3, momentum: 2 / 3, adam: 2 / 3 });
});

test('there is no limit without positive curvature, and none is made up for what was not measured', () => {
  for (const lambdaMax of [0, -3, Number.NaN]) {
    assert.equal(thresholds({ lambdaMax, preconditionedLambdaMax: lambdaMax }), {
      gradientDescent: null,
      momentum: null,
      adam: null,
    });
  }
  assert.is(thresholds({ lambdaMax: 1 }).adam, null);
});

test('a momentum outside [0, 1) is refused', async () => {
  for (const bad of [1, -0.1, Number.NaN]) {
    await throwsClearly(
      () => thresholds({ lambdaMax: 1, momentum: bad }),
      /momentum: expected a number from 0 to below 1/,
    );
    await throwsClearly(() => thresholds({ lambdaMax: 1, beta1: bad }), /beta1/);
  }
});

test.run();
