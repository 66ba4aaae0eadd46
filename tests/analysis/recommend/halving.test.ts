import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { successiveHalving } from '../../../analysis/recommend/halving.ts';
import { fakeProbe, scorePrice } from '../../cases/probes.ts';

const options = { rates: [2e-3, 4e-3, 8e-3, 1.6e-2], steps: 1000, budget: 100, scorePrice };

test('four rates are tried, the better two twice as long, and the best of those is the answer, within the budget', async () => {
  for (const optimum of [2.1e-3, 4.4e-3, 7e-3, 3e-2]) {
    const { learningRate, probes, gradientEvaluations } = await successiveHalving(fakeProbe({ optimum }), options);
    const nearest = options.rates.toSorted((a, b) => Math.abs(Math.log(a / optimum)) - Math.abs(Math.log(b / optimum)));
    assert.is(learningRate, nearest[0]);
    assert.equal(
      probes.map(({ steps }) => steps),
      [11, 11, 11, 11, 22, 22],
    );
    assert.equal(new Set(probes.slice(4).map((one) => one.learningRate)), new Set(nearest.slice(0, 2)));
    // Six runs: 88 steps and their scores.
    assert.is(gradientEvaluations, 88 + 6 * scorePrice);
  }
});

test('rates that diverge are out; where one is left it is the answer, and where none is there is none', async () => {
  const one = await successiveHalving(fakeProbe({ optimum: 2e-3, cliff: 1.5 }), options);
  assert.equal([one.learningRate, one.probes.length], [2e-3, 4]);
  const none = await successiveHalving(fakeProbe({ optimum: 1e-4, cliff: 1.5 }), options);
  assert.equal([none.learningRate, none.probes.length], [null, 4]);
});

test('no run is longer than the real one', async () => {
  const { probes } = await successiveHalving(fakeProbe(), { ...options, steps: 15 });
  assert.is(Math.max(...probes.map(({ steps }) => steps)), 15);
});

test('a budget that is too small is refused with the one that is enough, and so is a single rate', async () => {
  const refused = async (asked: Partial<typeof options>): Promise<string> =>
    successiveHalving(fakeProbe(), { ...options, ...asked }).then(
      () => '',
      (error: Error) => error.message,
    );
  // 4 steps of four and 8 of two, and six scores.
  assert.match(await refused({ budget: 43 }), /budget of halving: expected at least 44 gradients of a batch, got 43/);
  assert.is(await refused({ budget: 44 }), '');
  assert.match(await refused({ rates: [1e-3] }), /halving: expected two rates or more, got 1/);
});

test.run();
