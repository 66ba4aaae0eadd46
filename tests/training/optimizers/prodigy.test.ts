import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { randomStream } from '../../../compute/random.ts';
import type { AdamOptions } from '../../../training/optimizers/adamw.ts';
import { prodigy } from '../../../training/optimizers/prodigy.ts';
import { vector } from '../../cases/vector.ts';

// Its trajectories are set against those of the authors' package in tests/reference/trajectories.test.ts.

/** Steps on the bowl of this curvature from here, at the rate 1; the distance of the end from the bottom. */
function end(start: number, curvature: number, { steps = 2000, rate = 1, ...options }: Options = {}): number {
  const point = Float64Array.of(start);
  const optimizer = prodigy(vector(1), options);
  for (let step = 0; step < steps; step++) optimizer.step(point, Float64Array.of(curvature * point[0]!), rate);
  return Math.abs(point[0]!);
}

type Options = AdamOptions & { readonly steps?: number; readonly rate?: number };

test('it comes down from any distance at the one rate 1, and the size of the loss does not count', () => {
  for (const distance of [0.1, 10, 1000])
    for (const curvature of [1e-3, 1, 1e3]) {
      const left = end(distance, curvature);
      assert.ok(left < 0.3 * distance, `${left} of ${distance} left at curvature ${curvature}`);
    }
});

test('its estimate of the distance only grows, and never beyond the distance that there is', () => {
  const random = randomStream(5, 'gradients');
  const start = Float64Array.from({ length: 6 }, () => random.normal());
  const point = start.slice();
  const optimizer = prodigy(vector(6));
  let before = 1e-6;
  for (let step = 0; step < 300; step++) {
    optimizer.step(point, point.slice(), 1);
    const [estimate] = optimizer.state().vectors.estimate!;
    assert.ok(estimate! >= before);
    before = estimate!;
  }
  // On a convex loss it is a lower bound of the largest coordinate's distance, up to what it discounts.
  assert.ok(before > 1e-3 && before < 2 * Math.max(...start.map(Math.abs)));
});

test('steps at the rate 0, as the first of a warm-up, leave all but where it began', () => {
  const optimizer = prodigy(vector(2), { weightDecay: 0.5 });
  const point = Float64Array.of(1, -2);
  optimizer.step(point, Float64Array.of(3, 4), 0);
  assert.equal(point, Float64Array.of(1, -2));
  const { origin, firstMoment, estimate } = optimizer.state().vectors;
  assert.equal([origin, firstMoment, estimate], [point, new Float64Array(2), Float64Array.of(1e-6, 0)]);
});

test('where every gradient is zero nothing moves, and no number is spoilt', () => {
  const optimizer = prodigy(vector(2));
  const point = Float64Array.of(1, -2);
  for (let step = 0; step < 3; step++) optimizer.step(point, new Float64Array(2), 1);
  assert.equal(point, Float64Array.of(1, -2));
});

test('tensors may be held still, but have no rate of their own', () => {
  const specs = [
    { name: 'lora_A', shape: [1] },
    { name: 'lora_B', shape: [1] },
  ];
  const point = Float64Array.of(1, 1);
  const optimizer = prodigy(specs, { groups: [{ tensors: 'lora_A', rateFactor: 0 }] });
  for (let step = 0; step < 50; step++) optimizer.step(point, Float64Array.of(1, 1), 1);
  assert.is(point[0], 1);
  assert.ok(point[1]! < 1);
  assert.throws(
    () => prodigy(specs, { groups: [{ tensors: 'lora_B', rateFactor: 16 }] }),
    /rate factors of prodigy: expected 0 or 1.*got 16/,
  );
});

test('settings out of range are refused by the name of their option', () => {
  assert.throws(() => prodigy(vector(1), { betas: [0.9, 1] }), /betas: expected/);
  assert.throws(() => prodigy(vector(1), { eps: 0 }), /eps: expected/);
});

test.run();
