import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { randomStream } from '../../compute/random.ts';
import { lanczos, type RitzPair } from '../../numerics/krylov/lanczos.ts';
import type { Precision, SymmetricOperator } from '../../numerics/krylov/operator.ts';
import { axpy, dot, norm, roundoff, scale } from '../../numerics/vectors.ts';
import { rotated, spectra } from '../cases/spectra.ts';

/**
 * What rounding may do to a case's eigenvalues, relative to |H|. float64: six reflections, each with a sum of up to 120 terms.
 * float32: products and vectors are rounded once each, with room for the sum over the steps.
 */
const rounding: Readonly<Record<Precision, number>> = {
  float32: 20 * roundoff.float32,
  float64: 6 * 120 * roundoff.float64,
};

/** The largest tolerance at which rounding of ten roundoffs of |H| is more than is allowed for an end near zero. */
const roughest: Readonly<Record<Precision, number>> = {
  float32: (10 * roundoff.float32) / 0.01,
  float64: (100 * roundoff.float64) / 0.01,
};

/** The tolerances that each precision is held to. */
const demands: readonly [Precision, number][] = [
  ['float32', 1e-3],
  ['float32', 1e-5],
  ['float64', 1e-3],
  ['float64', 1e-9],
  ['float64', 1e-12],
];

for (const { name, eigenvalues } of spectra) {
  for (const [precision, tolerance] of demands) {
    test(`${name}: no miss at ${tolerance} in ${precision}`, async () => {
      for (let seed = 0; seed < 4; seed++) {
        const random = randomStream(seed, name);
        const values = eigenvalues(20 + random.integer(100), random);
        const operator = rotated(values, seed, precision);
        const result = await lanczos(operator, { tolerance, seed, maxSteps: values.length });
        const size = Math.max(...values.map(Math.abs));
        // An end near zero may be asked for more closely than rounding allows; then the bound says so.
        const isTooRough = [result.lambdaMax!, result.lambdaMin!].some(
          ({ value, errorBound }) => errorBound > tolerance * Math.max(Math.abs(value), 0.01 * size),
        );
        const ends = isTooRough ? ['roundingLimit', 'krylovExhausted'] : ['converged', 'krylovExhausted'];
        assert.ok(ends.includes(result.outcome), `seed ${seed}: ${result.outcome}`);
        assert.ok(!isTooRough || tolerance <= roughest[precision], `seed ${seed}: rounding at ${tolerance}`);
        const rounded = rounding[precision] * size;
        const check = (end: string, { value, residualBound, vector }: RitzPair, expected: number): void => {
          const allowed = tolerance * Math.max(Math.abs(expected), 0.01 * size);
          const error = Math.abs(value - expected);
          assert.ok(error <= allowed + rounded, `seed ${seed}, ${end}: ${value} instead of ${expected}`);
          const nearest = Math.min(...values.map((eigenvalue) => Math.abs(value - eigenvalue)));
          assert.ok(nearest <= residualBound + rounded, `seed ${seed}, ${end}: bound ${residualBound}, is ${nearest}`);
          assert.ok(Math.abs(norm(vector) - 1) < 1e-12);
        };
        check('largest', result.lambdaMax!, Math.max(...values));
        check('smallest', result.lambdaMin!, Math.min(...values));
      }
    });
  }
}

/** The values of lambda_max after each product, the last ones those of a converged run. */
async function history(operator: SymmetricOperator, seed: number) {
  const steps: { value: number; residualBound: number }[] = [];
  const onStep = ({ lambdaMax }: { lambdaMax: { value: number; residualBound: number } }) => steps.push(lambdaMax);
  const { lambdaMax } = await lanczos(operator, { seed, ends: 'largest', onStep });
  return { steps, lambdaMax: lambdaMax!.value };
}

/**
 * A Hessian as at B = 0: [[0, C'], [C, D]], C = 0.06 a a' + 0.004 I the gradient of the full weight, its top far above the many
 * small rest, and D = 0.02 a a' the data's curvature. Along a it is [[0, 0.064], [0.064, 0.02]], and smaller elsewhere.
 */
function hessianAtZeroB(half: number, seed: number): SymmetricOperator {
  const random = randomStream(seed, 'hessian at B = 0');
  const direction = Float64Array.from({ length: half }, () => random.normal());
  const a = scale(1 / norm(direction), direction, 'float64');
  return {
    size: 2 * half,
    precision: 'float64',
    apply: async (v) => {
      const [vA, vB] = [v.subarray(0, half), v.subarray(half)];
      const product = new Float64Array(2 * half);
      const [ofA, ofB] = [product.subarray(0, half), product.subarray(half)];
      axpy(0.004, vB, ofA);
      axpy(0.06 * dot(a, vB), a, ofA);
      axpy(0.004, vA, ofB);
      axpy(0.06 * dot(a, vA) + 0.02 * dot(a, vB), a, ofB);
      return product;
    },
  };
}

test('at B = 0 a value that stands still is not yet the answer, a residual bound is', async () => {
  const truth = 0.01 + Math.hypot(0.01, 0.064);
  for (let seed = 0; seed < 5; seed++) {
    const { steps, lambdaMax } = await history(hessianAtZeroB(20_000, seed), seed);
    const still = steps.findIndex(({ value }, index) => Math.abs(value - (steps[index - 1]?.value ?? Infinity)) < 5e-3);
    assert.ok(steps[still]!.value < 0.2 * truth, `standing still at ${steps[still]!.value}`);
    assert.ok(Math.abs(lambdaMax - truth) <= 1e-3 * truth, `${lambdaMax} instead of ${truth}`);
  }
});

test('a bound at the tolerance itself mistakes a mixture of two close eigenvalues for the top one, ours does not', async () => {
  const tolerance = 1e-3;
  let mistaken = 0;
  for (let seed = 0; seed < 150; seed++) {
    const random = randomStream(seed, 'close pairs');
    const values = Float64Array.from({ length: 200 }, () => 0.8 * (2 * random.uniform() - 1));
    const gap = tolerance * 30 ** random.uniform();
    values.set([1, 1 - gap]);
    const { steps, lambdaMax } = await history(rotated(values, seed, 'float64'), seed);
    const first = steps.find(({ value, residualBound }, index) => index >= 9 && residualBound <= tolerance * value);
    if (1 - first!.value > tolerance) mistaken += 1;
    assert.ok(1 - lambdaMax <= tolerance, `seed ${seed}: ${lambdaMax}, gap ${gap}`);
  }
  assert.ok(mistaken >= 5, `only ${mistaken} of 150 were mistaken: the case shows nothing`);
});

test.run();
