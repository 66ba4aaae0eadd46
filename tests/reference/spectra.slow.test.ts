import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { groupOf } from '../../analysis/curvature/operators/groups.ts';
import { hessian } from '../../analysis/curvature/operators/hessian.ts';
import { preconditioned } from '../../analysis/curvature/operators/preconditioned.ts';
import { spectralDensity } from '../../numerics/krylov/distribution/density.ts';
import { lanczosQuadrature } from '../../numerics/krylov/distribution/lanczosQuadrature.ts';
import { hutchinson, hutchPlusPlus } from '../../numerics/krylov/distribution/trace.ts';
import { lanczos } from '../../numerics/krylov/lanczos.ts';
import {
  adapterCases,
  points,
  referenceAdapter,
  referenceFile,
  referenceJson,
  referenceModel,
  referenceTokens,
} from '../cases/reference.ts';
import { relativeError } from '../oracles/relativeError.ts';
import { storedTensors } from '../oracles/storedTensors.ts';

interface Ends {
  readonly lambda_max: number;
  readonly lambda_min: number;
}

interface CurvaturePoint {
  readonly hessian: Ends & { readonly trace: number; readonly frobenius_norm: number };
  readonly preconditioned_hessian: Ends;
}

const firstLayer = ['q_proj', 'v_proj'].map((name) => `model.layers.0.self_attn.${name}`);

/** Student's t within which 95 % lie, by degrees of freedom. */
const student = { 9: 2.262, 19: 2.093, 59: 2.001 };

/** How far densities are from the truth, as parts of what they say themselves, over all cases below. */
const densityErrors: number[] = [];

/** Errors of traces in units of what their interval of 95 % allows, over all cases below. */
const traceErrors: Record<'hutchinson' | 'hutch++', number[]> = { hutchinson: [], 'hutch++': [] };

for (const { architecture, variant } of adapterCases.filter(({ hasCurvature }) => hasCurvature))
  for (const point of points)
    for (const precision of ['float64', 'float32'] as const) {
      const allowed = precision === 'float64' ? 1e-8 : 1e-4;
      const place = `${variant} on ${architecture} at its ${point} point, in ${precision}`;

      test(`Adam's view, trace and density of the Hessian of ${place}, are those of PyTorch's dense matrix`, async () => {
        await using model = await referenceModel(architecture, precision);
        const adapter = await referenceAdapter(model, variant, point, architecture);
        const batch = referenceTokens(architecture, precision);
        const linearised = await model.program(adapter.layout, batch).linearise(adapter, batch.inputs);
        await using whole = await hessian([{ scored: batch.scored, linearised }]);
        const operator = await whole.block(groupOf(adapter.layout, firstLayer, 'two modules').tensors);
        const path = `curvature/${architecture}/${variant}`;
        const expected = referenceJson<{ points: Record<string, CurvaturePoint> }>(`${path}.json`).points[point]!;
        const stored = storedTensors(referenceFile(`${path}.safetensors`));

        const roots = stored.get(`${point}.second_moment`)!.values.map((moment) => Math.sqrt(moment) + 1e-8);
        const { lambdaMax, lambdaMin } = await lanczos(preconditioned(operator, roots), {
          tolerance: precision === 'float64' ? 1e-9 : 2e-5,
          maxSteps: 400,
        });
        const { lambda_max, lambda_min } = expected.preconditioned_hessian;
        const error = relativeError([lambdaMax!.value, lambdaMin!.value], [lambda_max, lambda_min]);
        assert.ok(error < allowed, `${lambdaMax!.value}, ${lambdaMin!.value} are ${error} off`);

        const { trace, frobenius_norm: size } = expected.hessian;
        const plain = await hutchinson(operator, { products: 60, seed: place });
        const sketched = await hutchPlusPlus(operator, { products: 60, seed: place });
        traceErrors.hutchinson.push((plain.value - trace) / (student[59] * plain.standardError!));
        traceErrors['hutch++'].push((sketched.value - trace) / (student[19] * sketched.standardError!));
        // One sample's variance is at most 2 |H|_F^2, and what is left to Hutch++ is no larger than H.
        assert.ok(plain.standardError! < 1.5 * size * Math.sqrt(2 / 60), `${plain.standardError} for |H|_F = ${size}`);
        assert.ok(sketched.standardError! < 1.5 * size * Math.sqrt(2 / 20), `${sketched.standardError}`);

        const eigenvalues = Array.from(stored.get(`${point}.hessian.eigenvalues`)!.values);
        // So wide that 30 steps leave nothing of the densities' shape to chance: the rest is the vectors' scatter.
        const width = (eigenvalues.at(-1)! - eigenvalues[0]!) / 20;
        const measure = await lanczosQuadrature(operator, { probes: 10, steps: 30, seed: place });
        const { grid, density, standardError } = spectralDensity(measure, { width, points: 100 });
        const truth = grid.map((at) => smoothed(eigenvalues, at, width));
        const step = grid[1]! - grid[0]!;
        const area = (heights: readonly number[]) => heights.reduce((sum, height) => sum + Math.abs(height), 0) * step;
        const distance = area(density.map((height, index) => height - truth[index]!));
        const stated = area(standardError!);
        densityErrors.push(distance / stated);
        assert.ok(distance < 3 * stated && stated < 0.3, `${distance} from the truth, stated ${stated}`);
      });
    }

test('the intervals of 95 % hold the trace as often as they say', () => {
  for (const [name, errors] of Object.entries(traceErrors)) {
    const held = errors.filter((error) => Math.abs(error) <= 1).length / errors.length;
    // Each draws vectors of its own: 40 draws at 95 % lie above 0.81 but once in ten thousand.
    assert.ok(errors.length === 40 && held > 0.81, `${name}: ${held} of ${errors.length}`);
    assert.ok(Math.max(...errors.map(Math.abs)) < 2.5, `${name}: ${errors}`);
  }
});

test('densities are as far from the truth as they say', () => {
  const mean = densityErrors.reduce((sum, error) => sum + error, 0) / densityErrors.length;
  // The mean size of a normal error is 0.8 of its standard error; one vector's chance moves a whole density: 0.3 about that.
  assert.ok(densityErrors.length === 40 && mean > 0.6 && mean < 1, `${mean}: ${densityErrors}`);
});

/** The density of eigenvalues, each a normal density of this width. */
function smoothed(eigenvalues: readonly number[], at: number, width: number): number {
  const sum = eigenvalues.reduce((total, value) => total + Math.exp(-0.5 * ((at - value) / width) ** 2), 0);
  return sum / (eigenvalues.length * width * Math.sqrt(2 * Math.PI));
}

test.run();
