import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { randomStream } from '../../../compute/random.ts';
import { judgeEdge } from '../../../study/validate/edge.ts';
import { spreadOf } from '../../../study/validate/reach.ts';
import { exponentOf, geometricMeanOf } from '../../../study/validate/sgd.ts';
import { judgeSharp } from '../../../study/validate/sharpModule.ts';

test('one sharp module: held, refuted, and undecided where the interval says neither or nothing was asked', () => {
  const claimed = 1 / 11;
  assert.is(judgeSharp(claimed, { low: 0.05, high: 0.2 }), 'held');
  assert.is(judgeSharp(claimed, { low: 0.6, high: 0.9 }), 'refuted');
  assert.is(judgeSharp(claimed, { low: 0.05, high: 1.1 }), 'undecided');
  assert.is(judgeSharp(claimed, { low: 0.01, high: 0.05 }), 'undecided');
  assert.is(judgeSharp(0.9, { low: 0.8, high: 1 }), 'undecided');
});

test('the edge: near 1 at the best rate and far at half of it; the same at both refutes', () => {
  const share = (value: number) => ({ value, low: 0.95 * value, high: 1.05 * value });
  assert.is(judgeEdge(share(1), share(0.5)), 'held');
  assert.is(judgeEdge(share(1), share(0.95)), 'refuted');
  assert.is(judgeEdge(share(0.2), share(0.1)), 'refuted');
  assert.is(judgeEdge({ value: 1, low: 0.5, high: 2 }, share(0.5)), 'undecided');
});

test('an exponent that was planted is found, and its interval holds it as often as it says', () => {
  const random = randomStream(0, 'planted exponents');
  const lambdas = [5, 12, 40, 90, 300];
  let held = 0;
  for (let trial = 0; trial < 400; trial++) {
    const points = lambdas.map((lambda) => ({
      lambda,
      rate: 3 * lambda ** -0.5 * Math.exp(0.1 * random.normal()),
      error: 0.1,
    }));
    const { value, low, high } = exponentOf(points)!;
    assert.ok(Math.abs(value - 0.5) < 0.2);
    if (low <= 0.5 && 0.5 <= high) held++;
  }
  // The wider of two intervals holds it oftener than 95 % of the time.
  assert.ok(held / 400 > 0.95, `${held} of 400`);
  assert.is(exponentOf([{ lambda: 1, rate: 1, error: 0.1 }]), null);
});

test('the interval of a mean of three ratios holds the true one as often as it says', () => {
  const random = randomStream(2, 'planted breaking rates');
  const held = Array.from({ length: 1000 }, () => {
    const { low, high } = geometricMeanOf([1, 2, 3].map(() => 4 * Math.exp(0.5 * random.normal())));
    return low <= 4 && 4 <= high;
  }).filter(Boolean).length;
  assert.ok(held > 930 && held < 970, `${held} of 1000`);
});

test('ratios that differ by noise alone are one, and those that differ by a factor of 2 are not', () => {
  const random = randomStream(1, 'planted ratios');
  const planted = (factor: number) =>
    Array.from({ length: 5 }, (_, index) => {
      const value = (index === 0 ? factor : 1) * Math.exp(0.08 * random.normal());
      return { value, low: value * Math.exp(-1.96 * 0.08), high: value * Math.exp(1.96 * 0.08) };
    });
  const trials = Array.from({ length: 300 }, () => [spreadOf(planted(1)), spreadOf(planted(2))] as const);
  const share = (count: number): number => count / trials.length;
  const refuted = share(trials.filter(([same]) => !same.isOne).length);
  assert.ok(refuted > 0.01 && refuted < 0.1, `${refuted}`);
  assert.ok(share(trials.filter(([, other]) => other.isOne).length) < 0.05);
});

test.run();
