import * as tf from '@tensorflow/tfjs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Graph, onnxBackend, randomStream, record, type TracedLoss, viewTensors } from '../../compute/index.ts';
import { directionName } from '../../compute/trace/record.ts';
import { adaptedWeights } from '../../training/layout/layout.ts';
import { shapeOf, traceCausalLoss } from '../../training/models/causal.ts';
import { llamaBatch, referenceAdapter, referenceModel, type Variant, variants } from '../cases/reference.ts';
import { relativeError } from '../oracles/relativeError.ts';

/**
 * A central difference of step h is h^2/6 f''' off (truncation), and about 1e-16/h (rounding): at these steps the first is
 * ten thousand times the second, so that halving the step must quarter the error of a right product.
 */
const steps = [1e-3, 5e-4];
const seeds = [1, 2, 3];

/** The Llama of the reference with an adapter in the midst of training, and a random unit direction. */
async function perturbedLlama(variant: Variant, seed: number) {
  const model = await referenceModel('llama', 'float64');
  const adapter = await referenceAdapter(model, variant, 'perturbed');
  const batch = llamaBatch('float64');
  const program = model.program(adapter.layout, batch);
  const random = randomStream(seed, 'direction');
  const values = Float64Array.from({ length: program.size }, () => random.normal());
  const norm = Math.hypot(...values);
  return { model, adapter, batch, program, direction: values.map((value) => value / norm) };
}

type PerturbedLlama = Awaited<ReturnType<typeof perturbedLlama>>;

/** The relative distance of a product from (g(p + h d) - g(p - h d)) / 2h, for each step h. */
async function differenceErrors(
  { adapter, batch, program, direction }: PerturbedLlama,
  product: ArrayLike<number>,
): Promise<[number, number]> {
  const gradientAt = async (step: number) => {
    const parameters = Float64Array.from(adapter.parameters, (value, k) => value + step * direction[k]!);
    return (await program.gradient({ ...adapter, parameters }, batch.inputs)).gradient;
  };
  const errors: number[] = [];
  for (const step of steps) {
    const [after, before] = [await gradientAt(step), await gradientAt(-step)];
    const difference = Float64Array.from(after, (value, k) => (value - before[k]!) / (2 * step));
    errors.push(relativeError(product, difference));
  }
  return errors as [number, number];
}

for (const variant of variants)
  for (const seed of seeds)
    test(`hessianVector is the limit of central differences of the gradient, ${variant}, seed ${seed}`, async () => {
      const llama = await perturbedLlama(variant, seed);
      await using _ = llama.model;
      const product = await llama.program.hessianVector(llama.adapter, llama.batch.inputs, llama.direction);
      const [coarse, fine] = await differenceErrors(llama, product);
      assert.ok(coarse < 1e-6, `error ${coarse}`);
      assert.ok(Math.abs(coarse / fine - 4) < 0.2, `errors ${coarse}, ${fine}: not second order`);
    });

/** The product as TensorFlow.js alone computes it: the gradient of <gradient, v>, with the gradients it comes with. */
function uncorrectedProduct({ signature, loss }: TracedLoss): Graph {
  return record(signature, (tensors, directions) => {
    const gradients = (f: (parameters: tf.Tensor[]) => tf.Tensor) => (parameters: tf.Tensor[]) =>
      tf.grads((...xs: tf.Tensor[]) => f(xs))(parameters);
    const names = signature.parameters.map(({ name }) => name);
    const gradient = gradients((xs) =>
      loss({ ...tensors, parameters: new Map(names.map((name, k) => [name, xs[k]!])) }),
    );
    const slope = (xs: tf.Tensor[]) =>
      gradient(xs)
        .map((g, k) => tf.sum(tf.mul(g, directions.get(names[k]!)!)))
        .reduce((sum, term) => tf.add(sum, term));
    const products = gradients(slope)(names.map((name) => tensors.parameters.get(name)!));
    return new Map(products.map((product, k) => [names[k]!, product]));
  });
}

for (const seed of seeds)
  test(`the same differences refute the product of TensorFlow.js's own gradients, seed ${seed}`, async () => {
    const llama = await perturbedLlama('pissa', seed);
    await using model = llama.model;
    const { adapter, batch, program, direction } = llama;
    const { inputs } = batch;
    const traced = traceCausalLoss(model.decoder, adapter.layout, shapeOf(batch));
    const executable = await onnxBackend.compile(uncorrectedProduct(traced), {
      precision: 'float64',
      weights: model.checkpoint,
      fed: new Set(adaptedWeights(adapter.layout)),
    });
    const directions = viewTensors(direction, program.parameters);
    const results = await executable.run(
      new Map<string, Float64Array | Int32Array | Float32Array>([
        ...viewTensors(adapter.parameters, program.parameters),
        ...adapter.weights,
        ...Object.entries(inputs),
        ...[...directions].map(([name, view]) => [directionName(name), view] as const),
      ]),
    );
    const product = program.parameters.flatMap(({ name }) => Array.from(results.get(name)!));
    const [coarse, fine] = await differenceErrors(llama, product);
    assert.ok(coarse > 1e-2 && fine > 1e-2, `errors ${coarse}, ${fine}`);
    assert.ok(Math.abs(coarse / fine - 1) < 1e-3, `errors ${coarse}, ${fine}: the error falls with the step`);
    await executable.release();
  });

test.run();
