import { EigenvalueDecomposition } from 'ml-matrix';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { randomStream } from '../../compute/random.ts';
import { LambdamaxError } from '../../errors.ts';
import { type SpectralDensity, spectralDensity } from '../../numerics/krylov/distribution/density.ts';
import { lanczosQuadrature, traceOf } from '../../numerics/krylov/distribution/lanczosQuadrature.ts';
import type { SymmetricOperator } from '../../numerics/krylov/operator.ts';
import { randomSigns } from '../../numerics/krylov/startVector.ts';
import { dot } from '../../numerics/vectors.ts';
import { matrixOperator, randomSymmetric } from '../cases/matrixOperator.ts';
import { rotated, spectra } from '../cases/spectra.ts';

/** The integral of f times the density by the trapezoidal rule, which is all but exact for sums of normal densities. */
function integral({ grid, density }: SpectralDensity, f: (eigenvalue: number) => number = () => 1): number {
  const step = grid[1]! - grid[0]!;
  return density.reduce((sum, value, i) => sum + value * f(grid[i]!), 0) * step;
}

test("a rule's moments are those of its vector, up to twice the steps", async () => {
  for (let seed = 0; seed < 20; seed++) {
    const size = 10 + seed;
    const operator = rotated(spectra[1]!.eigenvalues(size, randomStream(seed, 'moments')), seed, 'float64');
    const { rules } = await lanczosQuadrature(operator, { probes: 1, steps: 4, seed });
    const { nodes, weights } = rules[0]!;
    let power = randomSigns(size, seed, 'quadrature 0');
    const v = power;
    for (let degree = 0; degree < 8; degree++) {
      const expected = dot(v, power) / size;
      const moment = nodes.reduce((sum, node, j) => sum + weights[j]! * node ** degree, 0);
      assert.ok(Math.abs(moment - expected) < 1e-12, `degree ${degree}: ${moment} instead of ${expected}`);
      power = Float64Array.from(await operator.apply(power));
    }
  }
});

for (const { name, eigenvalues } of spectra) {
  test(`${name}: the density integrates to 1, and to the mean eigenvalue`, async () => {
    for (const precision of ['float32', 'float64'] as const) {
      const values = eigenvalues(60, randomStream(0, name));
      const operator = rotated(values, 0, precision);
      const measure = await lanczosQuadrature(operator, { probes: 4, steps: 20 });
      const density = spectralDensity(measure);
      assert.ok(Math.abs(integral(density) - 1) < 1e-7, `${integral(density)}`);
      const first = traceOf((x) => x, measure);
      const size = Math.max(...values.map(Math.abs));
      // The tails cut off at six widths hold 2e-9.
      assert.ok(Math.abs(integral(density, (x) => x) * 60 - first.value) < 1e-6 * 60 * (size || 1));
      const trace = values.reduce((sum, value) => sum + value, 0);
      assert.ok(Math.abs(first.value - trace) <= 5 * first.standardError! + 1e-4 * size, `${first.value}, is ${trace}`);
    }
  });
}

test('unbiased: over 1,500 vectors the density is that of all eigenvalues, within its standard error', async () => {
  const matrix = randomSymmetric(24, 5);
  const values = new EigenvalueDecomposition(matrix, { assumeSymmetric: true }).realEigenvalues;
  const measure = await lanczosQuadrature(matrixOperator(matrix), { probes: 1500, steps: 24 });
  const { grid, density, standardError, width } = spectralDensity(measure, { points: 160, width: 0.3 });
  let [worst, sum] = [0, 0];
  for (const [i, at] of grid.entries()) {
    const gauss = (value: number) => Math.exp(-0.5 * ((at - value) / width) ** 2) / (width * Math.sqrt(2 * Math.PI));
    const expected = values.reduce((total, value) => total + gauss(value), 0) / values.length;
    // At the ends the rest of one far normal density decides, and its values over the vectors are far from normal.
    if (expected < 1e-4) continue;
    const score = Math.abs(density[i]! - expected) / standardError![i]!;
    worst = Math.max(worst, score);
    sum += score * score;
  }
  assert.ok(worst < 4.5, `worst ${worst}`);
  assert.ok(sum / grid.length < 3);
});

test('traces of functions: the 95 % interval holds the truth 95 % of the times', async () => {
  const values = spectra[0]!.eigenvalues(50, randomStream(0, 'coverage'));
  const operator = rotated(values, 0, 'float64');
  const truth = values.reduce((sum, value) => sum + Math.exp(value), 0);
  let covered = 0;
  const draws = 500;
  for (let seed = 0; seed < draws; seed++) {
    const measure = await lanczosQuadrature(operator, { probes: 20, steps: 12, seed });
    const { value, standardError } = traceOf(Math.exp, measure);
    // Student's t with 19 degrees of freedom.
    if (Math.abs(value - truth) <= 2.093 * standardError!) covered += 1;
  }
  assert.ok(Math.abs(covered / draws - 0.95) < 0.039, `covered ${covered} of ${draws}`);
});

test('of one eigenvalue, the density is one normal density around it; of zero likewise', async () => {
  for (const [value, width] of [
    [3, 0.03],
    [-2e-9, 2e-11],
    [0, 1],
  ] as const) {
    const measure = await lanczosQuadrature(rotated(new Float64Array(20).fill(value), 0, 'float64'), { probes: 2 });
    const density = spectralDensity(measure);
    assert.ok(Math.abs(density.width / width - 1) < 1e-9);
    assert.ok(Math.abs(Math.max(...density.density) * width * Math.sqrt(2 * Math.PI) - 1) < 0.01);
  }
});

test('what cannot be meant is refused', async () => {
  const operator = matrixOperator(randomSymmetric(4, 0));
  const nan: SymmetricOperator = { size: 2, precision: 'float64', apply: async (v) => v.map(() => Number.NaN) };
  await refused(() => lanczosQuadrature(nan), /NaN or infinity/);
  await refused(() => lanczosQuadrature(operator, { probes: 0 }), /probes/);
  await refused(() => lanczosQuadrature(operator, { steps: 1.5 }), /steps/);
  const measure = await lanczosQuadrature(operator);
  await refused(async () => spectralDensity(measure, { width: 0 }), /width/);
  await refused(async () => spectralDensity(measure, { width: 1e-6 }), /points/);
});

async function refused(call: () => Promise<unknown>, words: RegExp): Promise<void> {
  try {
    await call();
  } catch (error) {
    assert.instance(error, LambdamaxError);
    assert.match((error as Error).message, words);
    return;
  }
  assert.unreachable();
}

test.run();
