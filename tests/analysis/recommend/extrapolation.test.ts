import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { agree, extrapolate, type LengthOptimum, usualDrift } from '../../../analysis/recommend/extrapolation.ts';
import { randomStream } from '../../../compute/random.ts';
import { assertClose } from '../../oracles/close.ts';
import { throwsClearly } from '../../oracles/throws.ts';

const optimum = (steps: number, learningRate: number, logError = 0.1): LengthOptimum => ({
  steps,
  learningRate,
  logError,
});

test('one length drifts as the prior says, and is as uncertain', () => {
  const prior = { mean: -0.2, deviation: 0.15, wander: 0.05 };
  const { learningRate, logError, drift } = extrapolate([optimum(50, 1e-2)], 1000, null, prior);
  const x = Math.log(20);
  assertClose([learningRate], [1e-2 * 20 ** -0.2], 1e-12, 'rate');
  assertClose([logError], [Math.hypot(0.1, 0.15 * x, 0.05 * Math.sqrt(x))], 1e-12, 'error');
  assertClose([drift], [-0.2], 1e-12, 'drift');
});

test('with a prior that says nothing, two lengths are a power law', () => {
  const optima = [optimum(10, 8e-3), optimum(40, 4e-3)];
  const { learningRate, drift } = extrapolate(optima, 640, null, { mean: 3, deviation: 1e4, wander: 0 });
  assertClose([drift], [-0.5], 1e-4, 'drift');
  assertClose([learningRate], [1e-3], 1e-4, 'rate');
});

test('where the drift only wanders, the longest of several exact optima says all', () => {
  const optima = [optimum(10, 1e-1, 1e-6), optimum(40, 7e-3, 1e-6), optimum(160, 4e-3, 1e-6)];
  const { learningRate, logError } = extrapolate(optima, 1000, null, { mean: 0, deviation: 0, wander: 0.2 });
  assertClose([learningRate], [4e-3], 1e-6, 'rate');
  assertClose([logError], [0.2 * Math.sqrt(Math.log(1000 / 160))], 1e-6, 'error');
});

test('where nothing drifts, optima are averaged by their errors', () => {
  const optima = [optimum(10, 1e-2, 0.1), optimum(40, 2e-2, 0.2)];
  const { learningRate, logError } = extrapolate(optima, 1000, null, { mean: 0, deviation: 0, wander: 0 });
  assertClose([Math.log(learningRate)], [(100 * Math.log(1e-2) + 25 * Math.log(2e-2)) / 125], 1e-12, 'ln rate');
  assertClose([logError], [125 ** -0.5], 1e-12, 'error');
});

test('lengths that lie close together hardly move the drift, and lengths far apart do', () => {
  const prior = { mean: -0.1, deviation: 0.12, wander: 0.1 };
  const slopeOf = (last: number): number =>
    extrapolate([optimum(10, 1e-2), optimum(last, 1e-2 * (last / 10) ** 0.3)], 1000, null, prior).drift;
  assert.ok(Math.abs(slopeOf(12) - prior.mean) < 0.02, `${slopeOf(12)}`);
  assert.ok(Math.abs(slopeOf(10_000) - 0.3) < 0.05, `${slopeOf(10_000)}`);
});

test('what was measured at the full length stands, whatever the prior', () => {
  const found = extrapolate([optimum(1000, 3e-3, 0.01)], 1000, null, { mean: -5, deviation: 0.1, wander: 0.1 });
  assertClose([found.learningRate], [3e-3], 1e-9);
  assertClose([found.logError], [0.01], 1e-9);
});

test('its error is right: of worlds drawn from the prior, it is off by one standard error in the root mean square', () => {
  const random = randomStream(4, 'worlds');
  const draws = 4000;
  let squares = 0;
  for (let draw = 0; draw < draws; draw++) {
    const slope = usualDrift.mean + usualDrift.deviation * random.normal();
    let [ln, walked] = [Math.log(5e-3), 1000];
    const optima = [200, 64, 16].map((steps) => {
      const x = Math.log(walked / steps);
      ln += -slope * x + usualDrift.wander * Math.sqrt(x) * random.normal();
      walked = steps;
      return optimum(steps, Math.exp(ln + 0.1 * random.normal()));
    });
    const { learningRate, logError } = extrapolate(optima, 1000);
    squares += (Math.log(learningRate / 5e-3) / logError) ** 2;
  }
  // The mean square of 4,000 normals is 1 within 4 x sqrt(2 / 4000).
  assert.ok(Math.abs(squares / draws - 1) < 0.09, `${squares / draws}`);
});

test('an anchor counts as much as its error says', () => {
  const anchor = { learningRate: 4e-2, logError: 0.2 };
  const { learningRate, logError } = extrapolate([optimum(1000, 1e-2, 0.1)], 1000, anchor);
  // Weights 100 and 25.
  assertClose([Math.log(learningRate)], [0.8 * Math.log(1e-2) + 0.2 * Math.log(4e-2)], 1e-9, 'ln rate');
  assertClose([logError], [125 ** -0.5], 1e-9, 'error');
  const far = extrapolate([optimum(10, 1e-2, 0.1)], 1000, anchor);
  const alone = extrapolate([optimum(10, 1e-2, 0.1)], 1000);
  assert.ok(far.learningRate > 2 * alone.learningRate);
  assert.ok(far.logError < 0.2);
});

test('nothing to extrapolate from is an error', () =>
  throwsClearly(() => extrapolate([], 100), /extrapolation/, /one length or more/));

test('two estimates agree within two standard errors of their difference, in either order', () => {
  const random = randomStream(5, 'agree');
  for (let round = 0; round < 50; round++) {
    const [one, other] = [0.05 + random.uniform(), 0.05 + random.uniform()];
    const reach = Math.exp(2 * Math.hypot(one, other));
    const first = { learningRate: 1e-3, logError: one };
    for (const [factor, expected] of [
      [0.99, true],
      [1.01, false],
    ] as const)
      for (const ratio of [reach ** factor, reach ** -factor]) {
        const second = { learningRate: 1e-3 * ratio, logError: other };
        assert.is(agree(first, second), expected);
        assert.is(agree(second, first), expected);
      }
  }
});

test.run();
