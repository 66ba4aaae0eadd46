import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { gaussNewton } from '../../analysis/curvature/operators/gaussNewton.ts';
import { groupOf } from '../../analysis/curvature/operators/groups.ts';
import { hessian } from '../../analysis/curvature/operators/hessian.ts';
import { type Precision, randomStream, type Vector } from '../../compute/index.ts';
import { lanczos } from '../../numerics/krylov/lanczos.ts';
import { dot } from '../../numerics/vectors.ts';
import type { AdapterLayout } from '../../training/layout/layout.ts';
import type { Model } from '../../training/model.ts';
import {
  type AdapterCase,
  adapterCases,
  llamaBatch,
  points,
  referenceAdapter,
  referenceFile,
  referenceJson,
  referenceModel,
  referenceTokens,
  variants,
} from '../cases/reference.ts';
import { relativeError } from '../oracles/relativeError.ts';
import { storedTensors } from '../oracles/storedTensors.ts';

interface Extremes {
  readonly lambda_max: number;
  readonly lambda_min: number;
}

interface CurvaturePoint {
  readonly loss: number;
  readonly hessian: Extremes;
  readonly gauss_newton: Extremes;
  readonly per_module: Record<'q_proj' | 'v_proj', Extremes>;
  readonly all_modules: { readonly hessian: Extremes; readonly gauss_newton: Pick<Extremes, 'lambda_max'> };
}

const firstLayer = 'model.layers.0.self_attn.';
const firstLayerGroup = (layout: AdapterLayout, ...modules: readonly string[]) =>
  groupOf(
    layout,
    modules.map((module) => firstLayer + module),
    'some',
  );
const asPrecision = (values: Float64Array, precision: Precision): Vector =>
  precision === 'float64' ? values : Float32Array.from(values);

let last: Model | undefined;
let lastName = '';

/**
 * A model that stays until another one is asked for: it keeps its programs, and variants of one layout, both points and both
 * matrices take the same graphs, which are long to compile.
 */
async function modelOf(architecture: AdapterCase['architecture'], precision: Precision): Promise<Model> {
  const name = `${architecture} ${precision}`;
  if (last !== undefined && lastName === name) return last;
  await last?.release();
  last = await referenceModel(architecture, precision);
  lastName = name;
  return last;
}
test.after(() => last?.release());

const curvatureCases = adapterCases.filter(({ hasCurvature }) => hasCurvature);

for (const precision of ['float64', 'float32'] as const)
  for (const { architecture, variant } of curvatureCases)
    for (const point of points) {
      const eigenvalueTolerance = precision === 'float64' ? 1e-8 : 1e-4;
      const productTolerance = precision === 'float64' ? 1e-8 : 1e-4;

      test(`H v and the ends of the spectrum of ${variant} on ${architecture} at its ${point} point agree with PyTorch in ${precision}`, async () => {
        const model = await modelOf(architecture, precision);
        const adapter = await referenceAdapter(model, variant, point, architecture);
        const batch = referenceTokens(architecture, precision);
        const program = model.program(adapter.layout, batch);
        await using whole = await hessian([
          { scored: batch.scored, linearised: await program.linearise(adapter, batch.inputs) },
        ]);
        const block = (...modules: string[]) => whole.block(firstLayerGroup(adapter.layout, ...modules).tensors);
        const stored = storedTensors(referenceFile(`curvature/${architecture}/${variant}.safetensors`));
        const expected = referenceJson<{ points: Record<string, CurvaturePoint> }>(
          `curvature/${architecture}/${variant}.json`,
        ).points[point]!;

        const restricted = await block('q_proj', 'v_proj');
        const directions = stored.get('directions')!.values;
        const products = stored.get(`${point}.hessian.products`)!.values;
        const size = restricted.size;
        for (let k = 0; k < 3; k++) {
          const direction = asPrecision(directions.slice(k * size, (k + 1) * size), precision);
          const error = relativeError(await restricted.apply(direction), products.slice(k * size, (k + 1) * size));
          assert.ok(error < productTolerance, `product ${k} is ${error} off`);
        }
        const all = stored.get(`${point}.all_modules.hessian.product`);
        if (all !== undefined) {
          const direction = asPrecision(stored.get('all_modules.direction')!.values, precision);
          const error = relativeError(await whole.apply(direction), all.values);
          assert.ok(error < productTolerance, `product over all modules is ${error} off`);
        }

        const cases = {
          restricted: [restricted, expected.hessian],
          q_proj: [await block('q_proj'), expected.per_module.q_proj],
          v_proj: [await block('v_proj'), expected.per_module.v_proj],
          'all modules': [whole, expected.all_modules.hessian],
        } as const;
        for (const [name, [operator, { lambda_max, lambda_min }]] of Object.entries(cases)) {
          const tolerance = precision === 'float64' ? 1e-9 : 2e-5;
          const { lambdaMax, lambdaMin, outcome } = await lanczos(operator, { tolerance, maxSteps: 400 });
          const error =
            Math.max(Math.abs(lambdaMax!.value - lambda_max), Math.abs(lambdaMin!.value - lambda_min)) / lambda_max;
          assert.ok(
            error < eigenvalueTolerance,
            `${name}: ${lambdaMax!.value}, ${lambdaMin!.value} are ${error} off (${outcome})`,
          );
        }
      });

      const allowed = precision === 'float64' ? 1e-8 : 1e-4;

      test(`G v and the largest eigenvalue of G of ${variant} on ${architecture} at its ${point} point agree with PyTorch in ${precision}`, async () => {
        const model = await modelOf(architecture, precision);
        const adapter = await referenceAdapter(model, variant, point, architecture);
        const batch = referenceTokens(architecture, precision);
        const program = model.program(adapter.layout, batch);
        await using whole = await gaussNewton([
          { scored: batch.scored, linearised: await program.linearise(adapter, batch.inputs, 'gaussNewton') },
        ]);
        const restricted = await whole.block(firstLayerGroup(adapter.layout, 'q_proj', 'v_proj').tensors);
        const stored = storedTensors(referenceFile(`curvature/${architecture}/${variant}.safetensors`));
        const expected = referenceJson<{ points: Record<string, CurvaturePoint> }>(
          `curvature/${architecture}/${variant}.json`,
        ).points[point]!;

        const { size } = restricted;
        const [directions, products] = [
          stored.get('directions')!.values,
          stored.get(`${point}.gauss_newton.products`)!.values,
        ];
        for (let k = 0; k < 3; k++) {
          const direction = asPrecision(directions.slice(k * size, (k + 1) * size), precision);
          const error = relativeError(await restricted.apply(direction), products.slice(k * size, (k + 1) * size));
          assert.ok(error < allowed, `product ${k} is ${error} off`);
        }
        const all = stored.get(`${point}.all_modules.gauss_newton.product`);
        if (all !== undefined) {
          const direction = asPrecision(stored.get('all_modules.direction')!.values, precision);
          for (const product of [
            await whole.apply(direction),
            await program.gaussNewtonVector(adapter, batch.inputs, direction),
          ]) {
            const error = relativeError(product, all.values);
            assert.ok(error < allowed, `product over all modules is ${error} off`);
          }
        }
        assert.ok(relativeError([whole.loss], [expected.loss]) < allowed, `loss ${whole.loss}`);

        for (const [operator, { lambda_max }] of [
          [restricted, expected.gauss_newton],
          [whole, expected.all_modules.gauss_newton],
        ] as const) {
          const tolerance = precision === 'float64' ? 1e-9 : 2e-5;
          const { lambdaMax, outcome } = await lanczos(operator, { tolerance, maxSteps: 400, ends: 'largest' });
          // No Ritz value lies outside the spectrum: a few steps suffice to see one that is negative.
          const { lambdaMin } = await lanczos(operator, { tolerance: 0.1, maxSteps: 30, ends: 'smallest' });
          const error = Math.abs(lambdaMax!.value - lambda_max) / lambda_max;
          assert.ok(error < allowed, `${lambdaMax!.value} is ${error} off (${outcome})`);
          assert.ok(lambdaMin!.value > -allowed * lambda_max, `${lambdaMin!.value} is negative`);
        }
      });
    }

test('the Hessian of an adapter is symmetric: u.Hv = v.Hu', async () => {
  await using model = await referenceModel('llama', 'float64');
  for (const variant of variants) {
    const adapter = await referenceAdapter(model, variant, 'perturbed');
    const batch = llamaBatch('float64');
    const program = model.program(adapter.layout, batch);
    for (const seed of [1, 2, 3]) {
      const random = randomStream(seed, 'directions');
      const draw = () => Float64Array.from({ length: program.size }, () => random.normal());
      const [u, v] = [draw(), draw()];
      const [hu, hv] = [
        await program.hessianVector(adapter, batch.inputs, u),
        await program.hessianVector(adapter, batch.inputs, v),
      ];
      const [uHv, vHu] = [dot(u, hv), dot(v, hu)];
      assert.ok(Math.abs(uHv - vHu) < 1e-10 * Math.abs(uHv), `${variant}: ${uHv} against ${vHu}`);
    }
  }
});

test.run();
