import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { clipGlobalNorm, globalNorm } from '../../../training/optimizers/clipping.ts';

test('the norm of known vectors', () => {
  assert.is(globalNorm(Float64Array.of(3, -4)), 5);
  assert.is(globalNorm(Float32Array.of(2, -3, 6)), 7);
  assert.is(globalNorm(new Float64Array(0)), 0);
});

test('float32 entries are summed in float64', () => {
  // Each of the small squares, 1e-8, is lost when added to 1 in float32; together they are 0.01.
  const vector = new Float32Array(1_000_001).fill(1e-4);
  vector[0] = 1;
  assert.ok(Math.abs(globalNorm(vector) - Math.sqrt(1.01)) < 1e-9);
});

test('a long gradient is scaled by maxNorm / (norm + 1e-6), and its norm before is returned', () => {
  const gradient = Float64Array.of(3, 0, -4);
  assert.is(clipGlobalNorm(gradient, 0.5), 5);
  const factor = 0.5 / 5.000001;
  assert.equal(gradient, Float64Array.of(3 * factor, 0, -4 * factor));
  assert.ok(globalNorm(gradient) < 0.5);
});

test('a short gradient is left as it is, bit by bit', () => {
  for (const maxNorm of [5.1, 1e6, Infinity]) {
    const gradient = Float64Array.of(3, 0, -4);
    assert.is(clipGlobalNorm(gradient, maxNorm), 5);
    assert.equal(gradient, Float64Array.of(3, 0, -4));
  }
  const zero = new Float32Array(4);
  assert.is(clipGlobalNorm(zero, 1), 0);
  assert.equal(zero, new Float32Array(4));
});

test('a gradient that is not finite is not made to look finite', () => {
  for (const bad of [Number.NaN, Infinity]) {
    const gradient = Float64Array.of(1, bad);
    assert.not.ok(Number.isFinite(clipGlobalNorm(gradient, 1)));
    assert.ok(Number.isNaN(gradient[1]));
  }
});

test('a limit that is not above 0 is refused', () => {
  for (const maxNorm of [0, -1, Number.NaN])
    assert.throws(() => clipGlobalNorm(Float64Array.of(1), maxNorm), /maxGradNorm: expected a number above 0/);
});

test.run();
