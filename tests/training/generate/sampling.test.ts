import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { randomStream } from '../../../compute/index.ts';
import { chooseToken, type Sampling } from '../../../training/generate/sampling.ts';

const probabilities = [0.1, 0.4, 0.05, 0.3, 0.15];
const logits = Float64Array.from(probabilities, (probability) => Math.log(probability) + 3);
const draws = 20_000;

function frequencies(sampling: Sampling): number[] {
  const random = randomStream(5, 'draws');
  const counts = probabilities.map(() => 0);
  for (let draw = 0; draw < draws; draw++) counts[chooseToken(logits, sampling, random)!]!++;
  return counts.map((count) => count / draws);
}

/** Each within five standard deviations of a binomial. */
function assertDrawn(sampling: Sampling, expected: readonly number[]): void {
  for (const [token, frequency] of frequencies(sampling).entries()) {
    const p = expected[token]!;
    assert.ok(Math.abs(frequency - p) <= 5 * Math.sqrt((p * (1 - p)) / draws), `${token}: ${frequency}, not ${p}`);
  }
}

test('a temperature of 1 draws by the softmax, others by its powers', () => {
  assertDrawn({ temperature: 1 }, probabilities);
  for (const temperature of [0.5, 2]) {
    const powers = probabilities.map((probability) => probability ** (1 / temperature));
    const total = powers.reduce((sum, power) => sum + power, 0);
    assertDrawn(
      { temperature },
      powers.map((power) => power / total),
    );
  }
});

test('top-p keeps the fewest tokens that reach it', () => {
  assertDrawn({ temperature: 1, topP: 0.6 }, [0, 4 / 7, 0, 3 / 7, 0]);
  assertDrawn({ temperature: 1, topP: 0.75 }, [0, 0.4 / 0.85, 0, 0.3 / 0.85, 0.15 / 0.85]);
  assertDrawn({ temperature: 1, topP: 1e-9 }, [0, 1, 0, 0, 0]);
  assertDrawn({ temperature: 1, topP: 1 - 1e-12 }, probabilities);
});

test('without a temperature it is the first of the largest logits, whatever the stream', () => {
  const random = randomStream(0, 'none');
  assert.is(chooseToken(logits, {}, random), 1);
  assert.is(chooseToken(Float32Array.from([-3, -1, -1]), { temperature: 0, topP: 0.5 }, random), 1);
  assert.is(chooseToken(Float32Array.from([Number.NEGATIVE_INFINITY, -1e30]), {}, random), 1);
});

test('extreme logits and temperatures draw a token that is there', () => {
  const random = randomStream(0, 'extremes');
  assert.is(chooseToken(Float32Array.from([1e30, -1e30, 0]), { temperature: 1 }, random), 0);
  assert.is(chooseToken(Float32Array.from([1, 2, 1.5]), { temperature: 1e-300 }, random), 1);
  assert.ok(chooseToken(Float32Array.from([1, 2, 1.5]), { temperature: 1e300, topP: 0.9 }, random)! < 3);
});

test('logits that are not finite choose nothing', () => {
  const random = randomStream(0, 'none');
  for (const temperature of [0, 1]) {
    assert.is(chooseToken(Float32Array.from([1, Number.NaN]), { temperature }, random), undefined);
    assert.is(chooseToken(Float32Array.from([1, Number.POSITIVE_INFINITY]), { temperature }, random), undefined);
  }
});

test.run();
