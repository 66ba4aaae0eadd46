import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { powersOf } from '../../analysis/rates/powers.ts';
import { powerSentences } from '../../analysis/rates/verdict/settingsWords.ts';
import { randomStream } from '../../compute/random.ts';

type Point = Parameters<typeof powersOf>[0][number];

const methods = [
  ['lora', 1e-3],
  ['pissa', 3e-4],
  ['olora', 2e-3],
] as const;

/** Each method at each rank and batch, its optimum c rank^p batch^q with noise of this size on the logarithm. */
function planted({ p, q, noise = 0, seed = 0 }: { p: number; q: number; noise?: number; seed?: number }): Point[] {
  const random = randomStream(seed, 'planted powers');
  return methods.flatMap(([method, constant]) =>
    [2, 8, 32].flatMap((rank) =>
      [4, 16].map((batch) =>
        point(
          method,
          { rank, batch_size: batch },
          constant * rank ** p * batch ** q * Math.exp(noise * random.normal()),
        ),
      ),
    ),
  );
}

function point(method: string, settings: Record<string, number | string>, learningRate: number): Point {
  const written = Object.fromEntries(Object.entries(settings).map(([name, value]) => [name, String(value)]));
  return { method, configuration: JSON.stringify([method, written]), settings: written, optimum: { learningRate } };
}

function near(actual: number | null, expected: number): void {
  assert.ok(Math.abs(actual! - expected) < 1e-9, `${actual} is not ${expected}`);
}

test('powers of rank and batch are found exactly where there is no noise, each at equal others', () => {
  const [rank, batch, ...others] = powersOf(planted({ p: -0.4, q: 0.5 }));
  assert.equal(others, []);
  assert.is(rank!.setting, 'rank');
  near(rank!.power, -0.4);
  near(rank!.low, -0.4);
  assert.equal([rank!.configurations, rank!.groups], [18, 6]);
  assert.is(batch!.setting, 'batch_size');
  near(batch!.power, 0.5);
  assert.equal([batch!.configurations, batch!.groups], [18, 9]);
  assert.equal(powerSentences([rank!]), ['The best rate goes as rank^-0.40 (95 % interval -0.40 to -0.40).']);
});

test('95 % intervals cover the true power in 95 of 100 noisy sweeps, to within the chance of 1000 of them', () => {
  const covered = [0, 0];
  const draws = 1000;
  for (let seed = 0; seed < draws; seed++)
    for (const [i, { low, high }] of powersOf(planted({ p: -0.4, q: 0.5, noise: 0.3, seed })).entries()) {
      const truth = [-0.4, 0.5][i]!;
      if (low! <= truth && truth <= high!) covered[i]!++;
    }
  // Four standard errors of a share of 0.95 are 0.028. A power fitted without the methods' constants would cover all: its interval is wide.
  for (const count of covered) assert.ok(Math.abs(count / draws - 0.95) < 0.028, `${count} of ${draws}`);
});

test('settings that move together have one power, named after the first; what follows from one moves with it', () => {
  const points = [2, 8, 32].map((rank) =>
    point('lora', { rank, alpha: 2 * rank, steps: 10 * rank, warmup_steps: Math.min(rank, 8) }, rank ** -0.5),
  );
  const powers = powersOf(points);
  assert.equal(
    powers.map(({ setting, movesWith }) => [setting, movesWith]),
    [['rank', ['alpha', 'steps', 'warmup_steps']]],
  );
  near(powers[0]!.power, -0.5);
  assert.match(
    powerSentences(powers)[1]!,
    'What rank does cannot be told from what alpha, length and warmup steps do, for they move together.',
  );
});

test('alpha at two values for each rank has a power of its own', () => {
  const points = [2, 8].flatMap((rank) =>
    [16, 64].map((alpha) => point('lora', { rank, alpha }, alpha ** -1 * rank ** 0.25)),
  );
  const [rank, alpha] = powersOf(points);
  near(rank!.power, 0.25);
  near(alpha!.power, -1);
});

test('two configurations of each method are a line each, and one line of two has no interval', () => {
  const one = powersOf([2, 8].map((rank) => point('lora', { rank }, 1 / rank)));
  near(one[0]!.power, -1);
  assert.equal([one[0]!.low, one[0]!.high, one[0]!.configurations, one[0]!.groups], [null, null, 2, 1]);
});

test('a setting in which no two configurations of one method differ alone has no power', () => {
  const powers = powersOf([
    point('lora', { rank: 2, batch_size: 4 }, 1),
    point('lora', { rank: 8, batch_size: 16 }, 2),
    point('pissa', { rank: 2, batch_size: 16 }, 3),
  ]);
  assert.equal(
    powers.map(({ power }) => power),
    [null, null],
  );
  assert.match(powerSentences(powers)[0]!, 'How it goes with rank and batch cannot be told');
});

test('columns of other tools are known by their names; what is no number, and what does not differ, is no power', () => {
  const points = [2, 8].map((rank) =>
    point('lora', { lora_r: rank, optimizer: rank > 2 ? 'sgd' : 'adamw', max_steps: 50 }, 1 / rank),
  );
  assert.equal(
    powersOf(points).map(({ setting, movesWith }) => [setting, movesWith]),
    [['lora_r', ['optimizer']]],
  );
});

test.run();
