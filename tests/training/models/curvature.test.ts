import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { compile, randomStream, type Vector } from '../../../compute/index.ts';
import { dot } from '../../../numerics/vectors.ts';
import { createAdapter } from '../../../training/adapters/create.ts';
import { shapeOf, traceCausalLoss } from '../../../training/models/causal.ts';
import { architectures, referenceModel, referenceTokens } from '../../cases/reference.ts';
import { relativeError } from '../../oracles/relativeError.ts';

/** H v and its error against central differences of the gradient with these steps. */
async function differenceErrors(
  gradient: (parameters: Vector) => Promise<Vector>,
  product: Vector,
  parameters: Vector,
  direction: Vector,
  steps: readonly number[],
): Promise<number[]> {
  const errors: number[] = [];
  for (const step of steps) {
    const moved = (sign: number) => gradient(parameters.map((value, index) => value + sign * step * direction[index]!));
    const [ahead, behind] = [await moved(1), await moved(-1)];
    errors.push(
      relativeError(
        ahead.map((value, index) => (value - behind[index]!) / (2 * step)),
        product,
      ),
    );
  }
  return errors;
}

for (const architecture of architectures)
  test(`H v of ${architecture} is the limit of central differences, in an adapter and in all weights`, async () => {
    await using model = await referenceModel(architecture, 'float64');
    const batch = referenceTokens(architecture, 'float64');
    const random = randomStream(7, architecture);
    const near = (values: Vector, spread: number) => values.map((value) => value + spread * random.normal());

    const adapter = await createAdapter(model, { method: 'lora', rank: 2, alpha: 4 });
    adapter.parameters = near(adapter.parameters, 0.1);
    const program = model.program(adapter.layout, batch);
    const { inputs } = batch;
    const shape = shapeOf(batch);
    await using whole = compile(traceCausalLoss(model.decoder, 'allWeights', shape), {
      precision: 'float64',
      threads: 1,
    });
    const weights = new Float64Array(whole.size);
    let at = 0;
    for (const { name } of model.decoder.weights) {
      const values = await model.weight(name);
      weights.set(values, at);
      at += values.length;
    }

    const cases = [
      { program, point: adapter, parameters: adapter.parameters },
      { program: whole, point: {}, parameters: weights },
    ];
    for (const { program: one, point, parameters } of cases) {
      const draw = () => parameters.map(() => random.normal() / Math.sqrt(parameters.length));
      const [v, u] = [draw(), draw()];
      const productOf = (w: Vector) => one.hessianVector({ ...point, parameters }, inputs, w);
      const gradient = async (moved: Vector) => (await one.gradient({ ...point, parameters: moved }, inputs)).gradient;
      const product = await productOf(v);
      const [coarse, fine] = (await differenceErrors(gradient, product, parameters, v, [2e-3, 1e-3])) as [
        number,
        number,
      ];
      // The error of central differences falls with the square of the step, until rounding is in the way.
      assert.ok(fine < 1e-4 && (fine < 1e-8 || Math.abs(coarse / fine - 4) < 0.2), `errors ${coarse}, ${fine}`);
      const [uHv, vHu] = [dot(u, product), dot(v, await productOf(u))];
      assert.ok(Math.abs(uHv - vHu) < 1e-9 * Math.max(Math.abs(uHv), 1e-3), `${uHv} against ${vHu}`);
    }
  });

test.run();
