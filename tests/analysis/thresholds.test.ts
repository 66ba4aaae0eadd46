import type { Matrix } from 'ml-matrix';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { preconditioned } from '../../analysis/curvature/operators/preconditioned.ts';
import { limits } from '../../analysis/rates/limits.ts';
import { thresholds } from '../../analysis/rates/thresholds.ts';
import { randomStream } from '../../compute/random.ts';
import { lanczos } from '../../numerics/krylov/lanczos.ts';
import type { BatchedOperator } from '../../numerics/krylov/operator.ts';
import { norm } from '../../numerics/vectors.ts';
import { multiply, quadraticHessian, randomPositive } from '../cases/matrixOperator.ts';
import { assertClose } from '../oracles/close.ts';
import { throwsClearly } from '../oracles/throws.ts';

const size = 12;
const steps = 3000;

/** A random positive definite matrix, and a random preconditioner over two decades. */
function quadratic(seed: number) {
  const random = randomStream(seed, 'preconditioner');
  return {
    matrix: randomPositive(size, seed),
    diagonal: Float64Array.from({ length: size }, () => 10 ** (2 * random.uniform() - 1)),
    start: Float64Array.from({ length: size }, () => random.normal()),
  };
}

async function top(operator: BatchedOperator): Promise<number> {
  return (await lanczos(operator, { tolerance: 1e-8 })).lambdaMax!.value;
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
      const operator = await quadraticHessian(matrix);
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
  const rates = thresholds({ lambdaMax: 3, preconditionedLambdaMax: 3, momentum: 0, beta1: 0 });
  assert.equal(rates, { gradientDescent: 2 / 3, momentum: 2 / 3, adam: 2 / 3 });
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

/** The share of the peak at each of so many steps: a straight rise from 0 over a warm-up, then constant. */
function warmingUp(steps: number, warmup: number): number[] {
  return Array.from({ length: steps }, (_, step) => (step < warmup ? step / warmup : 1));
}

/** How far Adam, bias correction and all, takes a deviation of 1 on a curvature of 1 along a schedule: at most, and in the end. */
function adamAlong(schedule: readonly number[], peak: number, beta1: number): { farthest: number; last: number } {
  let [x, mean, farthest] = [1, 0, 1];
  for (const [index, share] of schedule.entries()) {
    mean = beta1 * mean + (1 - beta1) * x;
    x -= (peak * share * mean) / (1 - beta1 ** (index + 1));
    farthest = Math.max(farthest, Math.abs(x));
  }
  return { farthest, last: Math.abs(x) };
}

for (const beta1 of [0.5, 0.9, 0.95])
  test(`Adam's first steps allow less: nothing grows much below the limit of a schedule, beta1 ${beta1}`, () => {
    const curvature = { lambdaMax: Number.NaN, preconditionedLambdaMax: 1, beta1 };
    const longRun = thresholds(curvature).adam!;
    for (const warmup of [0, 1, 3, 10, 30, 100]) {
      const schedule = warmingUp(600, warmup);
      const peak = thresholds({ ...curvature, schedule }).adam!;
      assert.ok(peak <= longRun);
      const { farthest, last } = adamAlong(schedule, 0.98 * peak, beta1);
      assert.ok(farthest < 10 && last < 0.1, `${warmup} steps of warm-up: ${farthest}, then ${last}`);
    }
    // By definition, without a warm-up the first step's own limit; and with a long one nearly that of the long run.
    assertClose([thresholds({ ...curvature, schedule: warmingUp(600, 0) }).adam!], [2 * (1 + beta1)], 1e-12);
    assert.ok(thresholds({ ...curvature, schedule: warmingUp(600, 100) }).adam! > 0.99 * longRun);
  });

test('bias correction moves no limit of the long run, but a rate between the two first grows by orders of magnitude', () => {
  const { adam } = thresholds({ lambdaMax: Number.NaN, preconditionedLambdaMax: 1 });
  const constant = warmingUp(3000, 0);
  const below = adamAlong(constant, 0.98 * adam!, 0.9);
  assert.ok(below.farthest > 1e6 && below.last < 1, `${below.farthest}, then ${below.last}`);
  assert.ok(adamAlong(warmingUp(600, 0), 1.02 * adam!, 0.9).last > 1e20);
});

test('gradient descent is limited at the peak of its schedule, which may never come', () => {
  const { gradientDescent } = thresholds({ lambdaMax: 4, schedule: [0, 0.5, 1, 0.5, 0] });
  assert.is(gradientDescent, 0.5);
  assert.is(thresholds({ lambdaMax: 4, schedule: [0, 0.125, 0.25] }).gradientDescent, 2);
  assert.is(thresholds({ lambdaMax: -1, schedule: [0, 1] }).gradientDescent, null);
});

test('every limit says on what it rests, and its formula is its number', () => {
  const options = { lambdaMax: 4, preconditionedLambdaMax: 100, twoRateLambdaMax: 700, weightDecay: 0.1, beta1: 0.8 };
  const said = limits(options);
  assert.equal(
    Object.fromEntries(said.map(({ optimizer, learningRate }) => [optimizer, learningRate])),
    thresholds(options),
  );
  const values: Record<string, number> = { H: 4, 'P^-1/2 H P^-1/2': 100, 'D^1/2 P^-1/2 H P^-1/2 D^1/2': 700 };
  for (const { optimizer, learningRate, formula, assumptions, source } of said) {
    const worded = formula.replace(/lambda_max\((.*?)\)(?= |\)|$)/, (_, operator: string) => String(values[operator]));
    assertClose([Number(new Function(`return ${worded}`)())], [learningRate!], 1e-3, `${optimizer}: ${worded}`);
    assert.ok(assumptions.length >= 4 && assumptions.every((sentence) => /^[A-Z].*\.$/.test(sentence)), optimizer);
    assert.ok(assumptions.some((sentence) => sentence.includes('Weight decay')));
    assert.match(source, /arXiv \d{4}\.\d{5}/);
  }
  const ofSchedule = limits({ ...options, schedule: [0, 1] });
  assert.ok(ofSchedule.every(({ assumptions }) => assumptions.some((sentence) => sentence.includes('peak rate'))));
  assert.not(limits({ lambdaMax: 1 }).some(({ assumptions }) => assumptions.join().includes('Weight decay')));
});

test('a momentum outside [0, 1) is refused', async () => {
  for (const bad of [1, -0.1, Number.NaN]) {
    await throwsClearly(
      () => thresholds({ lambdaMax: 1, momentum: bad }),
      /momentum: expected a number from 0 to below 1/,
    );
    await throwsClearly(() => thresholds({ lambdaMax: 1, beta1: bad }), /beta1/);
  }
  await throwsClearly(
    () => thresholds({ lambdaMax: 1, weightDecay: -1 }),
    /weight decay: expected a number from 0, got -1/,
  );
  for (const schedule of [[], [0, 0], [Number.NaN]])
    await throwsClearly(() => thresholds({ lambdaMax: 1, schedule }), /largest rate of a schedule: expected above 0/);
});

test.run();
