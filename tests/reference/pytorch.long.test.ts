import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Precision, roundoff } from '../../compute/tensors.ts';
import { type Adapter, emptyLayout } from '../../training/adapters/create.ts';
import { toBatch } from '../../training/data/batches.ts';
import { evaluate } from '../../training/evaluate.ts';
import { layoutTensors, trainingLayout } from '../../training/layout/layout.ts';
import {
  adapterCases,
  architectures,
  referenceAdapter,
  referenceBatch,
  referenceFile,
  referenceJson,
  referenceModel,
  referenceRows,
  referenceTokens,
  turned,
} from '../cases/reference.ts';
import { relativeError } from '../oracles/relativeError.ts';
import { storedTensors } from '../oracles/storedTensors.ts';

// Everything in the reference was computed in float64 from the stored float32 numbers, so that float64 code agrees to
// rounding and any larger difference is one of mathematics; float32 code agrees to what float32 PyTorch itself reaches.
const lossTolerance: Record<Precision, number> = { float64: 1e-9, float32: 1e-5 };
const gradientTolerance: Record<Precision, number> = { float64: 1e-8, float32: 1e-4 };
/**
 * The largest difference of a logit, in parts of the largest logit. In float32 it is 50 roundoffs: of phi3, whose logits amplify rounding
 * most, those of transformers' own float32 are 28 off, and ours 35.
 */
const logitTolerance: Record<Precision, number> = { float64: 2e-10, float32: 50 * roundoff.float32 };
const precisions: readonly Precision[] = ['float64', 'float32'];

for (const architecture of architectures)
  for (const precision of precisions) {
    test(`the loss of ${architecture} and of its rows agree with transformers in ${precision}`, async () => {
      await using model = await referenceModel(architecture, precision);
      const { loss, rowLosses, tokens } = await evaluate(model, referenceRows(architecture), { batchSize: 2 });
      const expected = referenceBatch(architecture);
      assert.is(tokens, expected.valid_tokens);
      assert.ok(
        relativeError([loss], [expected.loss]) < lossTolerance[precision],
        `loss ${loss}, expected ${expected.loss}`,
      );
      assert.ok(relativeError(rowLosses, expected.row_losses) < lossTolerance[precision], `rows ${rowLosses}`);
    });

    test(`the logits of ${architecture} agree with transformers in ${precision}`, async () => {
      await using model = await referenceModel(architecture, precision);
      const rows = referenceRows(architecture);
      const batch = toBatch(rows, { length: 12, precision });
      const executable = await model.logits(emptyLayout(), batch);
      const logits = (await executable.run(new Map(Object.entries(batch.inputs)))).get('logits')!;
      const { shape, values } = storedTensors(referenceFile('logits.safetensors')).get(architecture)!;
      const perRow = shape[1]! * shape[2]!;
      let [worst, largest] = [0, 0];
      for (const [row, { inputIds }] of rows.entries())
        for (let index = row * perRow; index < row * perRow + inputIds.length * shape[2]!; index++) {
          worst = Math.max(worst, Math.abs(logits[index]! - values[index]!));
          largest = Math.max(largest, Math.abs(values[index]!));
        }
      assert.ok(worst < logitTolerance[precision] * largest, `largest difference ${worst} of ${largest}`);
    });
  }

for (const { architecture, variant, points } of adapterCases)
  for (const point of points)
    for (const precision of precisions)
      test(`loss and gradient of ${variant} on ${architecture} at its ${point} point agree with PEFT in ${precision}`, async () => {
        await using model = await referenceModel(architecture, precision);
        const adapter = await referenceAdapter(model, variant, point, architecture);
        const batch = referenceTokens(architecture, precision);
        const { value, gradient } = await model
          .program(trainingLayout(adapter.layout), batch)
          .gradient(adapter, batch.inputs);
        const expected = referenceJson<{ points: Record<string, { loss: number }> }>(
          `adapters/${architecture}/${variant}/reference.json`,
        );
        const { loss } = expected.points[point]!;
        assert.ok(relativeError([value], [loss]) < lossTolerance[precision], `loss ${value}, expected ${loss}`);
        const file = `adapters/${architecture}/${variant}/gradients_${point}`;
        const error = relativeError(gradient, storedGradient(adapter, `${file}.safetensors`));
        assert.ok(error < gradientTolerance[precision], `gradient is ${error} off`);
        if (variant !== 'dora') return;
        const exact = await model.program(adapter.layout, batch).gradient(adapter, batch.inputs);
        const exactError = relativeError(exact.gradient, storedGradient(adapter, `${file}_exact_norm.safetensors`));
        assert.ok(exactError < gradientTolerance[precision], `gradient of the function itself is ${exactError} off`);
      });

for (const architecture of ['llama', 'qwen3', 'gpt2'])
  for (const precision of precisions)
    test(`loss and gradient of full fine-tuning on ${architecture} agree with PyTorch in ${precision}`, async () => {
      await using model = await referenceModel(architecture, precision);
      const adapter = await referenceAdapter(model, 'full', 'perturbed', architecture);
      const batch = referenceTokens(architecture, precision);
      const { value, gradient } = await model.program(adapter.layout, batch).gradient(adapter, batch.inputs);
      const { loss } = referenceJson<{ points: Record<string, { loss: number }> }>(
        `adapters/${architecture}/full/reference.json`,
      ).points.perturbed!;
      assert.ok(relativeError([value], [loss]) < lossTolerance[precision], `loss ${value}, expected ${loss}`);
      const stored = storedTensors(referenceFile(`adapters/${architecture}/full/gradients_perturbed.safetensors`));
      const expected = layoutTensors(adapter.layout).flatMap(({ name }) => {
        const module = model.module(name.slice(0, -'.full_weight'.length));
        return Array.from(turned(stored.get(`${module.name}.weight`)!.values, module));
      });
      const error = relativeError(gradient, expected);
      assert.ok(error < gradientTolerance[precision], `gradient is ${error} off`);
    });

/** The gradient of a reference file, flattened as the adapter's own. */
function storedGradient({ layout }: Adapter, path: string): number[] {
  const stored = storedTensors(referenceFile(path));
  const specs = layoutTensors(layout);
  assert.is(specs.length, stored.size);
  return specs.flatMap(({ name }) => Array.from(stored.get(`base_model.model.${name}`)!.values));
}

test.run();
