import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { randomStream } from '../../../compute/random.ts';
import { optimizerSettings } from '../../../training/optimizers/index.ts';
import { type LionOptions, lion } from '../../../training/optimizers/lion.ts';
import { vector } from '../../cases/vector.ts';

// Forty steps in float64, each a few roundings of 1.1e-16 of values up to 5.
const tolerance = 1e-13;

function assertNear(got: Float64Array, expected: readonly number[]): void {
  for (const [index, value] of expected.entries())
    assert.ok(Math.abs(got[index]! - value) < tolerance, `${got[index]}, expected ${value}`);
}

/** The authors' code (lion_pytorch.py of google/automl), written out in PyTorch 2 in float64, gave these after 40 steps. */
for (const [options, learningRate, expected] of [
  [{}, 0.05, [0.09999999999999969, 1.2073675392798577e-15, -0.19999999999999996, 4.999999999999993]],
  [{ weightDecay: 0.1 }, 0.05, [-0.003276603877026038, 0.1801585477279085, -0.09765988897690116, 4.271759152841272]],
  [
    { betas: [0.5, 0.8], weightDecay: 0.3 },
    0.02,
    [0.5385596940536964, -0.8589835667237904, -0.01503086042805121, 3.0713135270797647],
  ],
] as const)
  test(`with ${JSON.stringify(options)} it goes where the authors' code goes`, () => {
    const curvature = [0.3, 1, 2.5, -0.4];
    const point = Float64Array.of(1, -2, 0.5, 3);
    const optimizer = lion(vector(4), options);
    for (let step = 1; step <= 40; step++) {
      const gradient = point.map((value, index) => curvature[index]! * value + Math.sin((index + 1) * step));
      optimizer.step(point, gradient, learningRate);
    }
    assertNear(point, expected);
  });

/** Where steps along gradients of a seed lead, the gradients times `scale`. */
function walk(seed: number, options: LionOptions, scale = 1, rate = 0.01): Float64Array {
  const random = randomStream(seed, 'gradients');
  const point = Float64Array.from({ length: 6 }, () => random.normal());
  const optimizer = lion(vector(6), options);
  for (let step = 0; step < 25; step++) {
    const gradient = Float64Array.from({ length: 6 }, () => scale * random.normal());
    optimizer.step(point, gradient, rate);
  }
  return point;
}

for (const seed of [1, 2, 3, 4, 5]) {
  test(`the size of the gradients does not count, seed ${seed}`, () => {
    // A power of two changes no digit.
    for (const scale of [2 ** -20, 2 ** 9]) assert.equal(walk(seed, {}, scale), walk(seed, {}));
  });

  test(`without decay every parameter ends a whole number of rates from its start, seed ${seed}`, () => {
    for (const [index, end] of walk(seed, {}, 1, 2 ** -7).entries()) {
      const moved = (end - walk(seed, {}, 1, 0)[index]!) * 2 ** 7;
      assert.ok(Math.abs(moved - Math.round(moved)) < 1e-9 && Math.abs(moved) <= 25);
    }
  });
}

test('where the gradient has always been zero only decay moves, beside the momentum', () => {
  const point = Float64Array.of(2, -3);
  const optimizer = lion(vector(2), { weightDecay: 0.5 });
  for (let step = 0; step < 10; step++) optimizer.step(point, new Float64Array(2), 0.1);
  assertNear(point, [2 * 0.95 ** 10, -3 * 0.95 ** 10]);
  assert.equal(optimizer.state().vectors.momentum, new Float64Array(2));
});

test('its defaults are its own, whatever those of the others', () => {
  assert.equal(optimizerSettings('lion').betas, [0.9, 0.99]);
  assert.equal(walk(1, { betas: [0.9, 0.99] }), walk(1, {}));
  assert.equal(optimizerSettings('adamw').betas, [0.9, 0.999]);
  assert.equal(optimizerSettings('lion', { betas: [0.8, 0.9] }).betas, [0.8, 0.9]);
});

test('settings out of range are refused by the name of their option', () => {
  for (const beta of [1, -0.1, Number.NaN])
    assert.throws(() => lion(vector(1), { betas: [0.9, beta] }), /betas: expected/);
  assert.throws(() => lion(vector(1), { weightDecay: -1 }), /weightDecay: expected/);
});

test.run();
