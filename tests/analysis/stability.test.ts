import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { asStepsSee } from '../../analysis/curvature/operators/asStepsSee.ts';
import { preconditioned } from '../../analysis/curvature/operators/preconditioned.ts';
import { stabilityFactor, thresholds } from '../../analysis/rates/thresholds.ts';
import { randomStream } from '../../compute/random.ts';
import type { TensorSpec } from '../../compute/tensors.ts';
import { lanczos } from '../../numerics/krylov/lanczos.ts';
import type { BatchedOperator, SymmetricOperator } from '../../numerics/krylov/operator.ts';
import { norm } from '../../numerics/vectors.ts';
import { layoutTensors } from '../../training/layout/layout.ts';
import { createOptimizer, type OptimizerOptions } from '../../training/optimizers/index.ts';
import type { Optimizer } from '../../training/optimizers/optimizer.ts';
import { withFrozenMoments } from '../cases/frozenMoments.ts';
import { multiply, quadraticHessian, randomPositive } from '../cases/matrixOperator.ts';
import { trainedNetwork } from '../cases/trainedNetwork.ts';
import { assertClose } from '../oracles/close.ts';

// The theory held against training itself: optimizers as users run them, 2 % below and 2 % above the limit.

/** A minimum, and the gradient around it. */
interface Landscape {
  readonly minimum: Float64Array;
  gradientAt(x: Float64Array): Float64Array | Promise<Float64Array>;
}

/** How many times farther from the minimum an optimizer ends than it began, at a distance of about 1e-6; 1e4 is far enough. */
async function growth(optimizer: Optimizer, rate: number, { minimum, gradientAt }: Landscape, steps: number) {
  const random = randomStream(0, 'deviation');
  const start = minimum.map(() => 1e-6 * random.normal());
  const x = minimum.map((value, index) => value + start[index]!);
  let grown = 1;
  for (let step = 0; step < steps && grown < 1e4; step++) {
    optimizer.step(x, await gradientAt(x), rate);
    grown = norm(x.map((value, index) => value - minimum[index]!)) / norm(start);
  }
  return grown;
}

async function assertLimit(limit: number, make: () => Optimizer, landscape: Landscape, steps: number): Promise<void> {
  const below = await growth(make(), 0.98 * limit, landscape, steps);
  const above = await growth(make(), 1.02 * limit, landscape, steps);
  assert.ok(below < 1 && above > 100, `grew ${below}-fold below, ${above}-fold above`);
}

async function top(operator: SymmetricOperator): Promise<number> {
  return (await lanczos(operator, { tolerance: 1e-8, ends: 'largest' })).lambdaMax!.value;
}

/** The largest stable rate by an optimizer's own account of its steps. */
async function limitOf(optimizer: Optimizer, curvature: BatchedOperator): Promise<number> {
  const rule = optimizer.stepRule!();
  return stabilityFactor(rule) / (await top(asStepsSee(curvature, rule)));
}

const size = 12;
const specs = ['lora_A', 'lora_B'].map((name) => ({ name, shape: [size / 4, 2] }));
const origin = new Float64Array(size);

const settings: readonly [name: string, options: OptimizerOptions][] = [
  ['sgd', {}],
  ['sgd', { momentum: 0.9 }],
  ['sgd', { momentum: 0.5, weightDecay: 2 }],
  ['sgd', { groups: [{ tensors: 'lora_B', rateFactor: 16, weightDecay: 1 }] }],
  ['adam', {}],
  ['adam', { betas: [0.5, 0.999], weightDecay: 2 }],
  ['adamw', { weightDecay: 0.05 }],
  ['adamw', { betas: [0, 0.999], groups: [{ tensors: 'lora_A', weightDecay: 0.5 }] }],
  ['lora+', {}],
  ['lora+', { loraPlusRatio: 0.25, weightDecay: 0.1 }],
];
for (const [name, options] of settings)
  for (const seed of [0, 1])
    test(`${name} ${JSON.stringify(options)} on a quadratic breaks where its steps see too much curvature, seed ${seed}`, async () => {
      const matrix = randomPositive(size, seed);
      const random = randomStream(seed, 'moments');
      const moments = origin.map(() => 10 ** (4 * random.uniform() - 2));
      const make = () =>
        name === 'sgd' ? createOptimizer(name, specs, options) : withFrozenMoments(name, specs, moments, options);
      const gradientAt = (x: Float64Array) => multiply(matrix, x, 'float64') as Float64Array;
      const limit = await limitOf(make(), await quadraticHessian(matrix));
      await assertLimit(limit, make, { minimum: origin, gradientAt }, 2000);
    });

test('thresholds says the same as the optimizers do', async () => {
  const hessian = await quadraticHessian(randomPositive(size, 3));
  const moments = origin.map((_, index) => 0.01 * (1 + index) ** 2);
  const weightDecay = 0.2;
  const momentum = 0.6;
  const adam = (name: string, options: OptimizerOptions = {}) =>
    limitOf(withFrozenMoments(name, specs, moments, { betas: [0.8, 0.999], weightDecay, ...options }), hessian);
  const root = moments.map((moment) => Math.sqrt(moment) + 1e-8);
  const twoRates = root.map((entry, index) => (index < size / 2 ? entry : entry / 16));
  const said = thresholds({
    lambdaMax: await top(hessian),
    preconditionedLambdaMax: await top(preconditioned(hessian, root)),
    twoRateLambdaMax: await top(preconditioned(hessian, twoRates)),
    ...{ momentum, beta1: 0.8, weightDecay },
  });
  const own = [
    await limitOf(createOptimizer('sgd', specs, { weightDecay }), hessian),
    await limitOf(createOptimizer('sgd', specs, { weightDecay, momentum }), hessian),
    await adam('adamw'),
  ];
  assertClose([said.gradientDescent!, said.momentum!, said.adam!], own, 1e-7, 'limits');
  const undecayed = await adam('lora+', { weightDecay: 0 });
  assert.ok(said.loraPlus! < undecayed, 'decay makes no steps smaller');
  assertClose([1 / said.loraPlus! - weightDecay / 2], [1 / undecayed], 1e-7, 'LoRA+');
});

test('a network at a minimum stays there below the limit and leaves it above, by descent, momentum and frozen Adam', async () => {
  const { model, adapter, decay, gradientAt, hessian } = await trainedNetwork();
  await using _ = model;
  await using curvature = await hessian();
  const minimum = adapter.parameters as Float64Array;
  const tensors: readonly TensorSpec[] = layoutTensors(adapter.layout);
  const rates = thresholds({ lambdaMax: await top(curvature), momentum: 0.9, weightDecay: decay });
  const landscape = { minimum, gradientAt };
  const descent = (momentum: number) => () => createOptimizer('sgd', tensors, { momentum, weightDecay: decay });
  await assertLimit(rates.gradientDescent!, descent(0), landscape, 300);
  await assertLimit(rates.momentum!, descent(0.9), landscape, 300);

  // Second moments of gradients on the way there, of which none is zero.
  const moments = (await gradientAt(minimum.map((value) => 0.9 * value))).map((slope) => slope * slope);
  const adam = () => withFrozenMoments('adam', tensors, moments, { weightDecay: decay });
  await assertLimit(await limitOf(adam(), curvature), adam, landscape, 300);
});

test.run();
