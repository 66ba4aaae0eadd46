import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type RandomStream, randomStream } from '../../compute/index.ts';
import { throwsClearly } from '../oracles/throws.ts';

const draws = 20000;

/** Mean and variance of many draws. */
function moments(draw: () => number): { mean: number; variance: number } {
  const values = Array.from({ length: draws }, draw);
  const mean = values.reduce((sum, value) => sum + value, 0) / draws;
  return { mean, variance: values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / draws };
}

/** Five standard errors of a mean of draws with this variance. */
const fiveErrors = (variance: number): number => 5 * Math.sqrt(variance / draws);

const first = (count: number, stream: RandomStream): number[] => Array.from({ length: count }, stream.uniform);

test('a seed and a name determine the numbers, on every machine and in every release', () => {
  assert.equal(first(3, randomStream(0, 'data')), [0.8653853421550035, 0.5529060660891554, 0.885464154438605]);
  const stream = randomStream('seed', 'initial values');
  assert.equal(
    [stream.integer(1000), stream.integer(2 ** 40), stream.permutation(6)],
    [43, 660613541474, [5, 0, 1, 4, 2, 3]],
  );
  // Through logarithm and cosine, whose last digit is the platform's own.
  assert.ok(Math.abs(randomStream(7, 'normal').normal() - 2.2902791169864503) < 1e-14);
});

test('streams of other names or seeds are other numbers, and do not disturb one another', () => {
  const [a, b] = [randomStream(1, 'a'), randomStream(1, 'b')];
  const interleaved = Array.from({ length: 5 }, () => [a.uniform(), b.uniform()]);
  assert.equal(
    interleaved.map(([x]) => x),
    first(5, randomStream(1, 'a')),
  );
  assert.equal(
    interleaved.map(([, x]) => x),
    first(5, randomStream(1, 'b')),
  );
  const streams = [randomStream(1, 'a'), randomStream(1, 'b'), randomStream(2, 'a'), randomStream('1', 'a ')];
  assert.is(new Set(streams.map((stream) => stream.uniform())).size, streams.length);
});

test('two streams are not correlated', () => {
  const [a, b] = [randomStream(1, 'rows'), randomStream(1, 'columns')];
  const { mean } = moments(() => (a.uniform() - 0.5) * (b.uniform() - 0.5));
  assert.ok(Math.abs(mean) < fiveErrors(1 / 144), `covariance ${mean}`);
});

test('uniform and normal numbers have the moments of their distributions', () => {
  const stream = randomStream(3, 'moments');
  const uniform = moments(stream.uniform);
  assert.ok(Math.abs(uniform.mean - 1 / 2) < fiveErrors(1 / 12), `mean ${uniform.mean}`);
  assert.ok(Math.abs(uniform.variance - 1 / 12) < fiveErrors(1 / 180), `variance ${uniform.variance}`);
  const normal = moments(stream.normal);
  assert.ok(Math.abs(normal.mean) < fiveErrors(1), `mean ${normal.mean}`);
  assert.ok(Math.abs(normal.variance - 1) < fiveErrors(2), `variance ${normal.variance}`);
  assert.ok(first(draws, stream).every((x) => x >= 0 && x < 1));
});

test('whole numbers below a limit are all equally frequent', () => {
  const stream = randomStream(4, 'integers');
  const counts = new Array<number>(7).fill(0);
  for (let k = 0; k < draws; k++) counts[stream.integer(7)]! += 1;
  for (const count of counts) assert.ok(Math.abs(count / draws - 1 / 7) < fiveErrors(6 / 49), `counts ${counts}`);
  assert.is(stream.integer(1), 0);
});

test('a limit below one is refused', async () => {
  for (const limit of [0, -1, Number.NaN, 2 ** 54])
    await throwsClearly(() => randomStream(0, 'x').integer(limit), /random stream x: expected a limit from 1 to 2\^53/);
});

test('a permutation has every number once, and every order is as likely', () => {
  const stream = randomStream(5, 'orders');
  assert.equal(stream.permutation(0), []);
  assert.equal(stream.permutation(1), [0]);
  assert.equal(
    stream.permutation(1000).sort((a, b) => a - b),
    Array.from({ length: 1000 }, (_, k) => k),
  );
  const counts = new Map<string, number>();
  for (let k = 0; k < draws; k++) {
    const order = stream.permutation(3).join('');
    counts.set(order, (counts.get(order) ?? 0) + 1);
  }
  assert.is(counts.size, 6);
  for (const [order, count] of counts)
    assert.ok(Math.abs(count / draws - 1 / 6) < fiveErrors(5 / 36), `${order}: ${count}`);
});

test.run();
