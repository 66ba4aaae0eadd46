import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { standardErrorOverBatches } from '../../analysis/curvature/operators/batches.ts';
import { sampleSize } from '../../analysis/curvature/operators/sampleSize.ts';
import { type RandomStream, randomStream } from '../../compute/random.ts';
import type { BatchValue } from '../../numerics/krylov/operator.ts';
import { quantile } from '../../numerics/statistics.ts';

const batch = (value: number, scored = 10): BatchValue => ({ scored, value });

/** Quotients of batches of 4 sequences, each sequence with mean 1 and standard deviation 0.8. */
function draw(batches: number, random: RandomStream): BatchValue[] {
  return Array.from({ length: batches }, () => batch(1 + 0.4 * random.normal()));
}

test('by hand: half the error takes four times the sequences', () => {
  // Standard error 1, mean 10.
  const quotients = [batch(9), batch(11)];
  assert.equal(sampleSize(quotients, 8, 0.1), { relativeError: 0.1, sequences: 8, low: null, high: null });
  assert.is(sampleSize(quotients, 8, 0.05)!.sequences, 32);
  assert.is(sampleSize([batch(-9), batch(-11)], 8, 0.05)!.sequences, 32);
});

test('the advice is near the truth, and its interval holds it nine times of ten', () => {
  const truth = (0.8 / 0.05) ** 2;
  for (const batches of [4, 8, 30]) {
    let covered = 0;
    const advice: number[] = [];
    for (let seed = 0; seed < 1000; seed++) {
      const { sequences, low, high } = sampleSize(draw(batches, randomStream(seed, 'advice')), 4 * batches)!;
      advice.push(sequences);
      if (low! <= truth && truth <= high!) covered += 1;
    }
    // Dividing by the drawn mean, not the true one, costs a little; 1,000 draws have a standard deviation of 1 %.
    assert.ok(Math.abs(covered / 1000 - 0.9) < 0.08, `${batches} batches: ${covered} of 1000`);
    const middle = quantile(advice, 0.5) / truth;
    assert.ok(middle > 0.7 && middle < 1.2, `${batches} batches: ${middle} times the truth`);
  }
});

test('with as many sequences as were advised the standard error is what was asked for', () => {
  const random = randomStream(0, 'follow the advice');
  const { sequences } = sampleSize(draw(4000, random), 16_000, 0.02)!;
  const errors = Array.from({ length: 200 }, () => standardErrorOverBatches(draw(sequences / 4, random))!);
  assert.ok(Math.abs(quantile(errors, 0.5) - 0.02) < 0.002, `${quantile(errors, 0.5)}`);
});

test('nothing is advised where nothing is known', () => {
  assert.is(sampleSize([batch(3)], 4), null);
  assert.is(sampleSize([batch(1), batch(-1)], 4), null);
  assert.is(sampleSize([batch(Number.NaN), batch(1)], 4), null);
  assert.is(sampleSize([batch(2), batch(2)], 4)!.sequences, 1);
  assert.throws(() => sampleSize([batch(2), batch(2)], 4, 0), /relativeError of a sample size/);
});

test.run();
