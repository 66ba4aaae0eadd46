import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { randomStream } from '../../../compute/random.ts';
import {
  bucketLength,
  cheapestLengths,
  drawnLengths,
  type LengthCount,
  type PadTo,
} from '../../../training/data/paddedLengths.ts';

/** Positions of all batches, and `price` for each length that is used. */
function costOf(counts: readonly LengthCount[], padTo: PadTo, price: number): number {
  const used = new Set(counts.map(({ length }) => padTo(length)));
  return counts.reduce((sum, { length, batches }) => sum + batches * padTo(length), price * used.size);
}

const randomCounts = (seed: number, count: number): LengthCount[] => {
  const random = randomStream(seed, 'lengths');
  return Array.from({ length: count }, () => ({ length: 1 + random.integer(200), batches: 1 + random.integer(5) }));
};

test('no choice of lengths among the multiples of 8 costs less', () => {
  for (let seed = 0; seed < 30; seed++) {
    const counts = randomCounts(seed, 6);
    const price = randomStream(seed, 'price').integer(300);
    const multiples = [...new Set(counts.map(({ length }) => Math.ceil(length / 8) * 8))].sort((a, b) => a - b);
    const longest = multiples.at(-1)!;
    const choices = Array.from({ length: 2 ** (multiples.length - 1) }, (_, bits) =>
      multiples.filter((length, place) => length === longest || (bits & (2 ** place)) > 0),
    );
    const costs = choices.map((chosen) =>
      costOf(counts, (length) => chosen.find((padded) => padded >= length)!, price),
    );
    assert.is(costOf(counts, cheapestLengths(counts, price), price), Math.min(...costs));
  }
});

test('rows are never cut, and the longest are padded by less than 8 whatever a length costs', () => {
  for (let seed = 0; seed < 20; seed++) {
    const counts = randomCounts(seed, 20);
    for (const price of [0, 1, 50, 1e9]) {
      const padTo = cheapestLengths(counts, price);
      for (const { length } of counts) assert.ok(padTo(length) >= length && padTo(length) % 8 === 0);
      const longest = Math.max(...counts.map(({ length }) => length));
      assert.ok(padTo(longest) - longest < 8);
      assert.is(padTo(1000), bucketLength(1000));
    }
    assert.is(new Set(counts.map(({ length }) => cheapestLengths(counts, 1e9)(length))).size, 1);
  }
});

test('the longest rows of batches that are drawn are as long as was expected', () => {
  const random = randomStream(3, 'draws');
  const rows = Array.from({ length: 40 }, () => 1 + random.integer(60));
  const [size, batches] = [4, 40_000];
  const expected = drawnLengths(rows, size, batches);
  assert.ok(Math.abs(expected.reduce((sum, { batches: part }) => sum + part, 0) - batches) < 1e-6);
  const upTo = (most: number) =>
    expected.reduce((sum, { length, batches: part }) => sum + (length <= most ? part : 0), 0) / batches;
  const longest = Array.from({ length: batches }, () =>
    Math.max(...Array.from({ length: size }, () => rows[random.integer(rows.length)]!)),
  );
  for (const most of [10, 30, 50, 55]) {
    const share = longest.filter((length) => length <= most).length / batches;
    // Five standard deviations of 40,000 draws.
    assert.ok(Math.abs(share - upTo(most)) < 5 * Math.sqrt(0.25 / batches), `${share}, expected ${upTo(most)}`);
  }
});

test.run();
