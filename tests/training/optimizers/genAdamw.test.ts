import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { adamw } from '../../../training/optimizers/adamw.ts';
import { genAdamw } from '../../../training/optimizers/genAdamw.ts';
import { vector } from '../../cases/vector.ts';

const curvature = [0.3, 1, 2.5, 4];

/** A bowl whose bottom is at 0. */
const bowl = async (point: ArrayLike<number>): Promise<number> =>
  curvature.reduce((sum, bend, index) => sum + 0.5 * bend * point[index]! ** 2, 0);

const slopeAt = (point: Float64Array): Float64Array => point.map((value, index) => curvature[index]! * value);

interface Walk {
  /** The rate in use over the schedule's, after each step. */
  readonly factors: number[];
  /** What the whole of the bowl along the next update would have it be, before each step. */
  readonly exact: number[];
  readonly asked: number;
  readonly point: Float64Array;
}

/** Steps on the bowl, as training takes them. */
async function walk(
  given: number | ((step: number) => number),
  steps: number,
  loss: (point: ArrayLike<number>) => Promise<number> = bowl,
): Promise<Walk> {
  const optimizer = genAdamw(vector(4));
  const same = adamw(vector(4));
  const point = Float64Array.of(1, -2, 0.5, 3);
  const [factors, exact]: [number[], number[]] = [[], []];
  let asked = 0;
  for (let step = 0; step < steps; step++) {
    const rate = typeof given === 'number' ? given : given(step);
    const gradient = slopeAt(point);
    const { steps: _, ...moments } = optimizer.state();
    same.restore({ ...moments, steps: step, optimizer: 'adamw', vectors: withoutFactor(moments.vectors) });
    const unit = point.slice();
    same.step(unit, gradient, 1);
    const update = point.map((value, index) => value - unit[index]!);
    const along = update.reduce((sum, value, index) => sum + value * gradient[index]!, 0);
    const bend = update.reduce((sum, value, index) => sum + curvature[index]! * value * value, 0);
    exact.push(along / bend);
    const lossAt = async (where: ArrayLike<number>): Promise<number> => {
      asked += 1;
      return loss(where);
    };
    await optimizer.lookAhead!({ parameters: point, gradient, learningRate: rate, loss: await bowl(point), lossAt });
    optimizer.step(point, gradient, rate);
    factors.push(optimizer.state().vectors.rateFactor![0]!);
  }
  return { factors, exact, asked, point };
}

function withoutFactor({ rateFactor: _, ...vectors }: Readonly<Record<string, Float64Array>>) {
  return vectors;
}

test('on a bowl a parabola is exact: every fourth step a tenth of the way to where the update would end best', async () => {
  // Within a factor of 2 of that rate, so that nothing is held back.
  const rate = 0.6;
  const { factors, exact, asked } = await walk(rate, 8);
  assert.equal(factors.slice(0, 3), [1, 1, 1]);
  const wanted = exact[3]! / rate;
  assert.ok(wanted > 0.5 && wanted < 2, `${wanted}`);
  // A few roundings of losses that differ by a hundredth of their size.
  assert.ok(Math.abs(factors[3]! - (0.9 + 0.1 * wanted)) < 1e-12);
  assert.is(asked, 4);
});

test('far from the best rate it changes by a tenth or a twentieth at most', async () => {
  const low = await walk(1e-4, 40);
  for (const [look, factor] of low.factors.filter((_, step) => step % 4 === 3).entries())
    assert.ok(Math.abs(factor - 1.1 ** (look + 1)) < 1e-9, `${factor}`);
  // Beside a few short steps, or it would have gone as far as it steps.
  const { factors } = await walk((step) => (step < 3 ? 1e-6 : 50), 4);
  assert.ok(Math.abs(factors[3]! - 0.95) < 1e-12);
});

test('where the loss bends down, or rises along the update, the rate stays; one that is no number halves it', async () => {
  for (const loss of [async (point: ArrayLike<number>) => -(await bowl(point)), async () => 0])
    assert.is((await walk(0.1, 4, loss)).factors[3], 1);
  // It rises ahead, and bends up.
  const wall = async (point: ArrayLike<number>) => 10 + 100 * Math.max(0, 3 - point[3]!);
  assert.is((await walk(0.1, 4, wall)).factors[3], 1);
  assert.is((await walk(0.1, 4, async () => Number.NaN)).factors[3], 0.5);
});

test('the first of its steps are AdamW’s, and looking changes no parameter', async () => {
  const { point } = await walk(0.05, 3);
  const same = adamw(vector(4));
  const expected = Float64Array.of(1, -2, 0.5, 3);
  for (let step = 0; step < 3; step++) same.step(expected, slopeAt(expected), 0.05);
  assert.equal(point, expected);
});

test('a schedule’s rate of 0 is not looked at', async () => {
  const { asked, factors } = await walk(0, 8);
  assert.equal([asked, factors[7]], [0, 1]);
});

test.run();
