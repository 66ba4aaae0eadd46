import { Matrix } from 'ml-matrix';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { viewTensors } from '../../../compute/index.ts';
import { randomStream } from '../../../compute/random.ts';
import { singularValues, weightMatrix } from '../../../numerics/dense/decompositions.ts';
import { createAdapter, layoutFor, moduleUpdate } from '../../../training/adapters/create.ts';
import { adapterMethod } from '../../../training/adapters/index.ts';
import { weightGradients } from '../../../training/adapters/initial/gradients.ts';
import type { AdapterMethod, InitialValues } from '../../../training/adapters/method.ts';
import { residualWeight } from '../../../training/adapters/residual.ts';
import type { LinearShape } from '../../../training/layout/form.ts';
import { layoutTensors } from '../../../training/layout/layout.ts';
import { adapterCases, referenceAdapter, referenceJson, referenceModel, referenceRows } from '../../cases/reference.ts';
import { relativeError } from '../../oracles/relativeError.ts';
import { type StoredTensor, storedTensors } from '../../oracles/storedTensors.ts';

// Where B A is free of rounding to float32, as in the reference's exact.*.BA and perturbed.*.effective.
const float64Tolerance = 1e-9;
// PEFT's own float32 initial values are up to 1e-5 from the formula in float64.
const float32Tolerance = 1e-4;

const size = { rank: 4, alpha: 8 };
const reference = new URL('../../../fixtures/reference/', import.meta.url);
const base = storedTensors(new URL('models/llama/model.safetensors', reference));
const read = (variant: string, file: string): Map<string, StoredTensor> =>
  storedTensors(new URL(`adapters/llama/${variant}/${file}`, reference));

/** Gradients of the loss in the full weights, for the methods that start from them. */
const gradients = read('lora-ga', 'full_gradients.safetensors');

/** The linear modules of attention and MLP in both layers: square, tall and wide. */
const modules = [...base.keys()]
  .filter((name) => /(attn|mlp)\.[a-z]+_proj\.weight$/.test(name))
  .map((name) => name.slice(0, -7));

function shapeOf(module: string): LinearShape {
  const [out, inputs] = base.get(`${module}.weight`)!.shape as [number, number];
  return { out, in: inputs };
}

async function initialise(method: AdapterMethod, module: string): Promise<InitialValues> {
  const shape = shapeOf(module);
  const weight = base.get(`${module}.weight`)!.values;
  const scaling = method.form.scaling(size);
  const gradient = gradients.get(`${module}.weight`)!.values;
  return method.initialise({ module, shape, size, scaling, weight, gradient, random: randomStream(0, module) });
}

function stored(variant: string, point: 'init' | 'perturbed', module: string): Map<string, Float64Array> {
  const tensors = read(variant, `${point}/adapter_model.safetensors`);
  return new Map(
    ['lora_A.weight', 'lora_B.weight'].map((name) => [name, tensors.get(`base_model.model.${module}.${name}`)!.values]),
  );
}

test('the reference has 14 modules of three kinds of shape', () => {
  assert.is(modules.length, 14);
  const kinds = new Set(modules.map((module) => Math.sign(shapeOf(module).out - shapeOf(module).in)));
  assert.is(kinds.size, 3);
});

for (const variant of ['milora', 'olora', 'pissa']) {
  const method = adapterMethod(variant);

  test(`${variant}: B A is that of a float64 initialisation in PyTorch`, async () => {
    const exact = [...read(variant, 'invariants.safetensors')].filter(([name]) => name.startsWith('exact.'));
    assert.is(exact.length, 3);
    for (const [name, { values }] of exact) {
      const module = name.slice('exact.'.length, -'.BA'.length);
      const update = method.form.update(shapeOf(module), await initialise(method, module), size);
      const error = relativeError(
        update,
        values.map((value) => value * method.form.scaling(size)),
      );
      assert.ok(error < float64Tolerance, `${module}: relative error ${error}`);
    }
  });

  test(`${variant}: the residual weights are those of the stored adapter, to float32`, async () => {
    const residuals = read(variant, 'residual.safetensors');
    for (const module of modules) {
      const update = method.form.update(shapeOf(module), await initialise(method, module), size);
      const residual = residualWeight(base.get(`${module}.weight`)!.values, shapeOf(module), update);
      const error = relativeError(residual, residuals.get(`${module}.weight`)!.values);
      assert.ok(error < float32Tolerance, `${module}: relative error ${error}`);
    }
  });

  test(`${variant}: A and B are the stored ones up to signs`, async () => {
    for (const module of modules) {
      const ours = await initialise(method, module);
      const theirs = stored(variant, 'init', module);
      for (const name of ['lora_A.weight', 'lora_B.weight']) {
        const error = relativeError(ours.get(name)!.map(Math.abs), theirs.get(name)!.map(Math.abs));
        assert.ok(error < float32Tolerance, `${module}.${name}: relative error ${error}`);
      }
    }
  });
}

for (const variant of ['init-ab', 'lora']) {
  const method = adapterMethod(variant);

  test(`${variant}: A and B have the shapes, bounds and spread of the stored ones`, async () => {
    for (const module of modules) {
      const bound = 1 / Math.sqrt(shapeOf(module).in);
      const ours = await initialise(method, module);
      for (const [name, values] of stored(variant, 'init', module)) {
        assert.is(ours.get(name)!.length, values.length);
        for (const tensor of [ours.get(name)!, values]) {
          const largest = Math.max(...tensor.map(Math.abs));
          // Of 64 or more uniform numbers the largest is above 0.8 bound but for once in a million times.
          if (variant === 'lora' && name === 'lora_B.weight') assert.is(largest, 0);
          else assert.ok(largest <= bound && largest > 0.8 * bound, `${module}.${name}: ${largest} of ${bound}`);
        }
      }
    }
  });
}

for (const [variant, name, tolerance] of [
  ['lora-ga', 'lora-ga', float64Tolerance],
  ['lora-ga-peft', 'lora-ga:as=peft', float64Tolerance],
] as const)
  test(`${variant}: A'A and B B' are those of a float64 initialisation in PyTorch`, async () => {
    for (const [entry, { values }] of exactOf(variant, /\.(AtA|BBt)$/)) {
      const module = entry.slice('exact.'.length, entry.lastIndexOf('.'));
      const { A, B } = factorsOf(await initialise(adapterMethod(name), module), module);
      const gram = entry.endsWith('AtA') ? A.transpose().mmul(A) : B.mmul(B.transpose());
      const error = relativeError(gram.to1DArray(), values);
      assert.ok(error < tolerance, `${entry}: relative error ${error}`);
    }
  });

test('every direction and scale of lora-ga takes the singular vectors that its name says', async () => {
  const module = 'model.layers.0.mlp.up_proj';
  const { U, S, V } = singularValues(weightMatrix(module, gradients.get(`${module}.weight`)!.values, shapeOf(module)));
  const weights = singularValues(weightMatrix(module, base.get(`${module}.weight`)!.values, shapeOf(module))).S;
  const places = { ArB2r: [0, 4, 1], A2rBr: [4, 0, 1], ArBr: [1, 0, 2] } as const;
  const c = shapeOf(module).out ** 0.25 / 4;
  const meanRoot = weights.slice(0, 4).reduce((sum, value) => sum + Math.sqrt(value / 2) / 4, 0);
  for (const [direction, [firstA, firstB, step]] of Object.entries(places))
    for (const as of ['paper', 'peft'])
      for (const [scale, ofPaper, aOfPeft, bOfPeft] of [
        ['stable', c, 1, c],
        ['gd', 1 / 2, 1 / 2, 1 / 2],
        ['weights', meanRoot, 1, weights[0]! / S[firstB]!],
        ['unit', 1, 1, 1],
      ] as const) {
        const values = await initialise(
          adapterMethod(`lora-ga:direction=${direction}:scale=${scale}:as=${as}`),
          module,
        );
        const { A, B } = factorsOf(values, module);
        for (let term = 0; term < 4; term++) {
          const [a, b] = [firstA + term * step, firstB + term * step];
          const of = `${direction}, ${scale} as in ${as}, term ${term}`;
          const alongA = Math.abs(A.getRowVector(term).mmul(V.getColumnVector(a)).get(0, 0));
          const alongB = Math.abs(U.getColumnVector(b).transpose().mmul(B.getColumnVector(term)).get(0, 0));
          const [wantedA, wantedB] = as === 'paper' ? [ofPaper, ofPaper] : [aOfPeft, bOfPeft * S[b]!];
          assert.ok(Math.abs(alongA / wantedA - 1) < float64Tolerance, `${of}: A ${alongA}, expected ${wantedA}`);
          assert.ok(Math.abs(alongB / wantedB - 1) < float64Tolerance, `${of}: B ${alongB}, expected ${wantedB}`);
          assert.ok(Math.abs(A.getRowVector(term).norm() / wantedA - 1) < float64Tolerance, of);
          assert.ok(Math.abs(B.getColumnVector(term).norm() / wantedB - 1) < float64Tolerance, of);
        }
      }
});

test('the gradients that lora-ga starts from are those of PyTorch', async () => {
  await using model = await referenceModel('llama', 'float64');
  const { modules: layout } = layoutFor(model, adapterMethod('lora'), 'all-linear', size);
  let seen = 0;
  for await (const [module, gradient] of weightGradients(model, layout, referenceRows('llama'))) {
    const error = relativeError(gradient, gradients.get(`${module}.weight`)!.values);
    assert.ok(error < float64Tolerance, `${module}: relative error ${error}`);
    seen++;
  }
  assert.is(seen, 14);
});

for (const [variant, name, pattern] of [
  ['corda', 'corda', /\.BA$/],
  ['corda-kpm', 'corda:mode=kpm', /\.BA$/],
  ['eva', 'eva', /\.AtA$/],
] as const)
  test(`${variant}: what is free of signs is that of a float64 initialisation in PyTorch`, async () => {
    await using model = await referenceModel('llama', 'float64');
    const adapter = await createAdapter(model, { method: name, ...size, rows: referenceRows('llama') });
    const views = viewTensors(adapter.parameters, layoutTensors(adapter.layout));
    for (const [entry, { values }] of exactOf(variant, pattern)) {
      const module = entry.slice('exact.'.length, entry.lastIndexOf('.'));
      const own = ['lora_A.weight', 'lora_B.weight'].map((tensor) => {
        return [tensor, Float64Array.from(views.get(`${module}.${tensor}`)!)] as const;
      });
      const { A, B } = factorsOf(new Map(own), module);
      const found = entry.endsWith('BA') ? B.mmul(A) : A.transpose().mmul(A);
      const error = relativeError(found.to1DArray(), values);
      assert.ok(error < float64Tolerance, `${entry}: relative error ${error}`);
    }
  });

test('eva with rho = 2 gives ranks to the directions that explain most, and keeps s and the sum of ranks', async () => {
  await using model = await referenceModel('llama', 'float64');
  const rows = referenceRows('llama');
  const { layout, parameters } = await createAdapter(model, { method: 'eva:rho=2', ...size, rows });
  const twice = await createAdapter(model, { method: 'eva', rank: 8, alpha: 16, rows });
  const explained = referenceJson<{ module_facts: Record<string, { explained_variance_ratio: number[] }> }>(
    'adapters/llama/eva/reference.json',
  ).module_facts;
  const taken: number[] = [];
  const left: number[] = [];
  let ranks = 0;
  for (const module of modules) {
    const { rank, alpha } = layout.modules.get(module)!.size;
    assert.is(alpha / rank, 2);
    ranks += rank;
    const { explained_variance_ratio: parts } = explained[module]!;
    taken.push(...parts.slice(0, rank));
    left.push(...parts.slice(rank, 8));
    const [few, many] = [
      viewTensors(parameters, layoutTensors(layout)),
      viewTensors(twice.parameters, layoutTensors(twice.layout)),
    ].map((views) => views.get(`${module}.lora_A.weight`)!);
    assert.equal(few, many!.slice(0, few!.length));
  }
  assert.is(ranks, 4 * modules.length);
  assert.ok(Math.min(...taken) >= Math.max(...left) - 1e-12, `${Math.min(...taken)}, ${Math.max(...left)}`);
});

for (const { variant } of adapterCases.filter(({ architecture }) => architecture === 'llama'))
  test(`${variant}: the frozen weight and the update add up to the matrix that PEFT applies`, async () => {
    await using model = await referenceModel('llama', 'float64');
    const { layout, parameters, weights } = await referenceAdapter(model, variant, 'perturbed');
    const effective = [...read(variant, 'invariants.safetensors')].filter(([name]) => name.startsWith('perturbed.'));
    assert.is(effective.length, 3);
    for (const [name, { values }] of effective) {
      const module = name.slice('perturbed.'.length, -'.effective'.length);
      const weight = Float64Array.from(weights.get(`${module}.weight`)!);
      const update = moduleUpdate(layout, module, parameters, { shared: weights, weight });
      const error = relativeError(
        weight.map((value, index) => value + update[index]!),
        values,
      );
      assert.ok(error < float64Tolerance, `${module}: relative error ${error}`);
    }
  });

/** The stored facts of float64 initialisations whose names match. */
function exactOf(variant: string, pattern: RegExp): [string, StoredTensor][] {
  const exact = [...read(variant, 'invariants.safetensors')].filter(
    ([name]) => name.startsWith('exact.') && pattern.test(name),
  );
  assert.ok(exact.length > 0);
  return exact;
}

function factorsOf(values: InitialValues, module: string): { A: Matrix; B: Matrix } {
  const shape = shapeOf(module);
  return {
    A: Matrix.from1DArray(size.rank, shape.in, values.get('lora_A.weight')!),
    B: Matrix.from1DArray(shape.out, size.rank, values.get('lora_B.weight')!),
  };
}

test.run();
