import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type SgdOptions, sgd } from '../../../training/optimizers/sgd.ts';
import { vector } from '../../cases/vector.ts';
import { relativeError } from '../../oracles/relativeError.ts';

// Tens of steps in float64, each a few roundings of 1.1e-16.
const float64Tolerance = 1e-13;

/** Where `steps` steps on f(p) = sum of h p^2 / 2 lead from 1. */
function descend(h: readonly number[], learningRate: number, steps: number, options: SgdOptions): Float64Array {
  const parameters = new Float64Array(h.length).fill(1);
  const optimizer = sgd(vector(h.length), options);
  for (let step = 0; step < steps; step++) {
    optimizer.step(
      parameters,
      parameters.map((value, index) => h[index]! * value),
      learningRate,
    );
  }
  return parameters;
}

test('gradient descent on a quadratic multiplies by 1 - lr h', () => {
  const h = [0.1, 1, 3, -2];
  const expected = h.map((curvature) => (1 - 0.2 * curvature) ** 25);
  assert.ok(relativeError(descend(h, 0.2, 25, {}), expected) < float64Tolerance);
});

test('weight decay is curvature added in every direction', () => {
  const h = [0.1, 1, 3, -2];
  for (const momentum of [0, 0.9]) {
    const decayed = descend(h, 0.1, 25, { momentum, weightDecay: 0.4 });
    const steeper = descend(
      h.map((curvature) => curvature + 0.4),
      0.1,
      25,
      { momentum },
    );
    assert.ok(relativeError(decayed, steeper) < 1e-12);
  }
});

test('under a constant gradient the velocity is g (1 - momentum^t) / (1 - momentum)', () => {
  const parameters = Float64Array.of(0, 0);
  const optimizer = sgd(vector(2), { momentum: 0.8 });
  const expected = [0, 0];
  for (let step = 1; step <= 30; step++) {
    optimizer.step(parameters, Float64Array.of(2, -3), 0.05);
    const velocity = (1 - 0.8 ** step) / (1 - 0.8);
    expected[0]! -= 0.05 * 2 * velocity;
    expected[1]! += 0.05 * 3 * velocity;
  }
  assert.ok(relativeError(parameters, expected) < float64Tolerance);
});

for (const momentum of [0, 0.5, 0.9])
  test(`on curvature h it is stable to 2 (1 + momentum) / h and no further, momentum ${momentum}`, () => {
    const h = 3;
    const threshold = (2 * (1 + momentum)) / h;
    assert.ok(Math.abs(descend([h], 0.97 * threshold, 2000, { momentum })[0]!) < 1e-10);
    assert.ok(Math.abs(descend([h], 1.03 * threshold, 2000, { momentum })[0]!) > 1e10);
  });

test('settings out of range are refused by the name of their option', () => {
  for (const momentum of [1, -0.1, Number.NaN]) assert.throws(() => sgd(vector(1), { momentum }), /momentum: expected/);
  for (const weightDecay of [-1, Number.NaN])
    assert.throws(() => sgd(vector(1), { weightDecay }), /weightDecay: expected/);
});

test.run();
