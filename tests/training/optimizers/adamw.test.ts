import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { randomStream } from '../../../compute/random.ts';
import { adam, adamw } from '../../../training/optimizers/adamw.ts';
import { vector } from '../../cases/vector.ts';
import { relativeError } from '../../oracles/relativeError.ts';

// Tens of steps in float64, each a few roundings of 1.1e-16.
const float64Tolerance = 1e-13;

const gradients = Float64Array.of(3, -0.02, 1e-6, -1e-8, 1e-12, -4e5);

test('the first step has the length of the rate in every entry, but for eps', () => {
  for (const optimizer of [adam(vector(6)), adamw(vector(6))]) {
    const parameters = new Float64Array(6);
    optimizer.step(parameters, gradients, 0.01);
    const expected = gradients.map((gradient) => (-0.01 * gradient) / (Math.abs(gradient) + 1e-8));
    assert.ok(relativeError(parameters, expected) < float64Tolerance, `${parameters}`);
  }
});

test('under a constant gradient every step is the first: the bias corrections are exact', () => {
  for (const betas of [
    [0.9, 0.999],
    [0.5, 0.95],
    [0, 0],
  ] as const) {
    const optimizer = adamw(vector(6), { betas, eps: 1e-3 });
    const parameters = new Float64Array(6);
    const expected = new Float64Array(6);
    for (let step = 0; step < 30; step++) {
      const rate = 0.01 / (step + 1);
      optimizer.step(parameters, gradients, rate);
      for (const [index, gradient] of gradients.entries())
        expected[index]! -= (rate * gradient) / (Math.abs(gradient) + 1e-3);
    }
    assert.ok(relativeError(parameters, expected) < 1e-12, `betas ${betas}: ${relativeError(parameters, expected)}`);
  }
});

test('without a gradient adamw shrinks parameters by 1 - lr weightDecay, adam steps along their signs', () => {
  const start = Float64Array.of(2, -0.5, 8);
  const decoupled = start.slice();
  const penalised = start.slice();
  const optimizer = adamw(vector(3), { weightDecay: 0.1 });
  for (let step = 0; step < 10; step++) optimizer.step(decoupled, new Float64Array(3), 0.2);
  adam(vector(3), { weightDecay: 0.1, eps: 1e-14 }).step(penalised, new Float64Array(3), 0.2);
  assert.ok(
    relativeError(
      decoupled,
      start.map((value) => value * 0.98 ** 10),
    ) < float64Tolerance,
  );
  assert.ok(
    relativeError(
      penalised,
      start.map((value) => value - 0.2 * Math.sign(value)),
    ) < 1e-12,
  );
});

/** One parameter on f(p) = h p^2 / 2 + c p, in the order of operations of PyTorch's documentation. */
function naiveTrajectory(
  kind: 'adam' | 'adamw',
  h: number,
  c: number,
  start: number,
  rates: readonly number[],
): number {
  let [p, m, v] = [start, 0, 0];
  rates.forEach((rate, index) => {
    const t = index + 1;
    let g = h * p + c;
    if (kind === 'adam') g = g + 0.3 * p;
    if (kind === 'adamw') p = p - rate * 0.3 * p;
    m = 0.8 * m + (1 - 0.8) * g;
    v = 0.9 * v + (1 - 0.9) * g ** 2;
    const mHat = m / (1 - 0.8 ** t);
    const vHat = v / (1 - 0.9 ** t);
    p = p - (rate * mHat) / (Math.sqrt(vHat) + 1e-4);
  });
  return p;
}

for (const kind of ['adam', 'adamw'] as const)
  for (const seed of [1, 2, 3])
    test(`${kind} with decay follows the documented recurrence on a quadratic, seed ${seed}`, () => {
      const random = randomStream(seed, 'quadratic');
      const draw = (): Float64Array => Float64Array.from({ length: 20 }, () => random.normal());
      const [h, c, start] = [draw(), draw(), draw()];
      const rates = Array.from({ length: 60 }, () => 0.1 * random.uniform());
      const optimizer = (kind === 'adam' ? adam : adamw)(vector(20), {
        betas: [0.8, 0.9],
        eps: 1e-4,
        weightDecay: 0.3,
      });
      const parameters = start.slice();
      const single = Float32Array.from(start);
      const singleOptimizer = (kind === 'adam' ? adam : adamw)(vector(20), {
        betas: [0.8, 0.9],
        eps: 1e-4,
        weightDecay: 0.3,
      });
      for (const rate of rates) {
        optimizer.step(
          parameters,
          parameters.map((p, index) => h[index]! * p + c[index]!),
          rate,
        );
        singleOptimizer.step(
          single,
          single.map((p, index) => h[index]! * p + c[index]!),
          rate,
        );
      }
      const expected = start.map((value, index) => naiveTrajectory(kind, h[index]!, c[index]!, value, rates));
      // Directions of negative curvature multiply rounding by about ten.
      assert.ok(relativeError(parameters, expected) < 1e-12, `float64: ${relativeError(parameters, expected)}`);
      assert.ok(relativeError(single, expected) < 1e-4, `float32: ${relativeError(single, expected)}`);
    });

test('decay through the gradient and decoupled decay are different rules, and equal without decay', () => {
  const run = (make: typeof adam, weightDecay: number): Float64Array => {
    const parameters = Float64Array.of(1, -2, 3, 4, 5, 6);
    const optimizer = make(vector(6), { weightDecay });
    for (let step = 0; step < 5; step++) optimizer.step(parameters, gradients, 0.1);
    return parameters;
  };
  assert.equal(run(adam, 0), run(adamw, 0));
  assert.ok(relativeError(run(adam, 0.5), run(adamw, 0.5)) > 1e-2);
});

test('secondMoment is the weighted mean of the squared gradients, its weights summing to one', () => {
  const optimizer = adamw(vector(2), { betas: [0.9, 0.99] });
  const parameters = new Float64Array(2);
  const seen = [2, -1, 0.5, 7].map((gradient) => Float64Array.of(gradient, 3));
  for (const gradient of seen) optimizer.step(parameters, gradient, 0.1);
  const weights = seen.map((_, index) => 0.99 ** (seen.length - 1 - index));
  const total = weights.reduce((sum, weight) => sum + weight);
  const mean = seen.reduce((sum, gradient, index) => sum + (weights[index]! / total) * gradient[0]! ** 2, 0);
  assert.ok(relativeError(optimizer.secondMoment(), [mean, 9]) < float64Tolerance);
  assert.throws(() => adamw(vector(2)).secondMoment(), /the second moment of adamw: expected at least one step/);
});

test('settings out of range are refused by the name of their option', () => {
  for (const make of [adam, adamw]) {
    for (const beta of [1, -0.1, 1.5, Number.NaN]) {
      assert.throws(() => make(vector(1), { betas: [beta, 0.9] }), /betas: expected/);
      assert.throws(() => make(vector(1), { betas: [0.9, beta] }), /betas: expected/);
    }
    for (const eps of [0, -1e-8, Infinity, Number.NaN]) assert.throws(() => make(vector(1), { eps }), /eps: expected/);
    for (const weightDecay of [-0.1, Infinity, Number.NaN])
      assert.throws(() => make(vector(1), { weightDecay }), /weightDecay: expected/);
  }
});

test.run();
