import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { lineSearch } from '../../analysis/curvature/lineSearch.ts';
import { randomStream } from '../../compute/random.ts';
import { assertClose } from '../oracles/close.ts';
import { throwsClearly } from '../oracles/throws.ts';

/** 3 - slope t + bend t^2 / 2 along each direction: least at slope / bend. */
function quadratics(...directions: readonly (readonly [slope: number, bend: number])[]) {
  return async (t: number) => directions.map(([slope, bend]) => 3 - slope * t + (bend * t ** 2) / 2);
}

for (const start of [1e-7, 3e-3, 1, 1e4])
  test(`a quadratic's minimum is found exactly, from ${start}`, async () => {
    const { learningRate, points, evaluations, logStandardError } = await lineSearch(quadratics([2, 400]), { start });
    assertClose([learningRate!], [5e-3], 1e-6, 'minimum');
    assert.is(logStandardError, null);
    assert.is(evaluations, points.length + 1);
    const rates = points.map((point) => point.learningRate);
    assert.equal(
      rates,
      rates.toSorted((a, b) => a - b),
    );
  });

test('a change that rounding explains is none, whichever way it goes', async () => {
  const random = randomStream(2, 'rounding');
  const rounding = 4 * 2 ** -24;
  const rounded = (loss: number): number => loss * (1 + rounding * (random.uniform() - 0.5));
  for (const start of [1e-9, 1e-4, 1]) {
    // Only ever up, by less than rounding shows at small rates.
    const rising = async (t: number) => [rounded(3 + 0.1 * t + 50 * t ** 2)];
    assert.is((await lineSearch(rising, { start, rounding })).learningRate, null);
    const falling = async (t: number) => [rounded(3 - 2 * t + 200 * t ** 2)];
    assertClose([(await lineSearch(falling, { start, rounding })).learningRate!], [5e-3], 0.05, `from ${start}`);
  }
});

test('a good start is a cheap one: three rates and the loss before', async () => {
  const { evaluations } = await lineSearch(quadratics([2, 400]), { start: 5e-3 });
  assert.is(evaluations, 4);
});

test('of several directions it is the minimum of their mean', async () => {
  const { learningRate } = await lineSearch(quadratics([1, 100], [3, 500]), { start: 1e-2 });
  assertClose([learningRate!], [4 / 600], 1e-9, 'minimum');
});

test('its standard error is the spread of the minimum over draws of directions', async () => {
  const random = randomStream(1, 'directions');
  const logs: number[] = [];
  const errors: number[] = [];
  for (let draw = 0; draw < 300; draw++) {
    const directions = Array.from({ length: 8 }, () => [2 * Math.exp(0.2 * random.normal()), 400] as const);
    const found = await lineSearch(quadratics(...directions), { start: 5e-3 });
    logs.push(Math.log(found.learningRate!));
    errors.push(found.logStandardError!);
  }
  const centre = logs.reduce((sum, value) => sum + value, 0) / logs.length;
  const spread = Math.sqrt(logs.reduce((sum, value) => sum + (value - centre) ** 2, 0) / (logs.length - 1));
  const stated = errors.reduce((sum, value) => sum + value, 0) / errors.length;
  // 300 draws tell a standard deviation to 4 %, and the jackknife's mean is biased by about as much.
  assert.ok(Math.abs(stated / spread - 1) < 0.15, `stated ${stated}, true ${spread}`);
});

test('a loss that is no parabola is followed by two more: its minimum is right to 5 %', async () => {
  // Falls as a quadratic, and then rises more slowly than one, as a loss does that is bounded.
  const bounded = async (t: number) => [3 - 2 * t * Math.exp(-100 * t)];
  for (const start of [1e-3, 7e-3, 9e-3, 5e-2]) {
    const { learningRate } = await lineSearch(bounded, { start });
    assertClose([learningRate!], [1e-2], 0.05, `from ${start}`);
  }
});

test('where no rate lowers the loss there is no minimum', async () => {
  const found = await lineSearch(quadratics([-1, 100]), { start: 1e-2 });
  assert.is(found.learningRate, null);
  assert.is(found.logStandardError, null);
});

test('a loss that is not a number is worse than any', async () => {
  const cliff = async (t: number) => [t > 8e-3 ? Number.NaN : 3 - t];
  const { learningRate, points } = await lineSearch(cliff, { start: 1e-3 });
  assert.is(learningRate, 8e-3);
  assert.equal(points.at(-1), { learningRate: 1.6e-2, loss: null });
});

test('a loss that falls for ever ends at the largest number of rates', async () => {
  const { evaluations, learningRate } = await lineSearch(async (t) => [-t], { start: 1, mostRates: 10 });
  assert.is(evaluations, 11);
  assert.is(learningRate, 2 ** 9);
});

for (const start of [1e-7, 4e-3, 1, 1e4])
  test(`the critical rate of a quadratic is twice that of its minimum, from ${start}`, async () => {
    const { learningRate, criticalRate } = await lineSearch(quadratics([1, 100], [3, 500]), { start, critical: true });
    assertClose([learningRate!, criticalRate!], [4 / 600, 8 / 600], 1e-6, 'rates');
  });

test('the critical rate of another loss is where it is back at its start, to 5 %, for two or three rates more', async () => {
  // 3 - 2 t exp(-100 t) + 8 t^2: back at 3 where exp(-100 t) = 4 t.
  const loss = async (t: number) => [3 - 2 * t * Math.exp(-100 * t) + 8 * t ** 2];
  for (const start of [1e-3, 7e-3, 5e-2]) {
    const alone = await lineSearch(loss, { start });
    const { criticalRate, learningRate, evaluations } = await lineSearch(loss, { start, critical: true });
    assert.is(alone.criticalRate, null);
    assert.is(learningRate, alone.learningRate);
    assert.ok(Math.abs(Math.exp(-100 * criticalRate!) / (4 * criticalRate!) - 1) < 0.15, `${criticalRate}`);
    assert.ok(evaluations <= alone.evaluations + 4, `${evaluations} for ${alone.evaluations}`);
  }
});

test('beside a cliff the critical rate lies within a step of it, and without a lower loss or an end there is none', async () => {
  const cliff = async (t: number) => [t > 8.5e-3 ? Number.NaN : 3 - t];
  const { criticalRate } = await lineSearch(cliff, { start: 1e-3, critical: true });
  assertClose([criticalRate!], [8.5e-3], 0.25, 'cliff');
  for (const loss of [quadratics([-1, 100]), async (t: number) => [-t]])
    assert.is((await lineSearch(loss, { start: 1e-2, mostRates: 12, critical: true })).criticalRate, null);
});

test('the rates of a step along Adam in other units are those rates in other units: a change of scale', async () => {
  const scale = 4;
  const loss = async (t: number) => [3 - 2 * t * Math.exp(-100 * t) + 8 * t ** 2];
  const [one, other] = [
    await lineSearch(loss, { start: 1e-3, critical: true }),
    await lineSearch((t) => loss(t * scale), { start: 1e-3 / scale, critical: true }),
  ];
  assertClose(
    [other.learningRate! * scale, other.criticalRate! * scale],
    [one.learningRate!, one.criticalRate!],
    1e-12,
    'rates',
  );
});

for (const start of [0, -1e-3, Number.NaN, Number.POSITIVE_INFINITY])
  test(`a start of ${start} is refused`, () =>
    throwsClearly(() => lineSearch(quadratics([1, 1]), { start }), /start of a line search/, /a positive rate/));

test.run();
