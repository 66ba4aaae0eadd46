import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { gaussNewton } from '../../analysis/curvature/operators/gaussNewton.ts';
import { groupOf } from '../../analysis/curvature/operators/groups.ts';
import { hessian } from '../../analysis/curvature/operators/hessian.ts';
import { viewTensors } from '../../compute/index.ts';
import { evaluate } from '../../training/evaluate.ts';
import { layoutTensors } from '../../training/layout/layout.ts';
import { replayBackends } from '../cases/backends.ts';
import {
  llamaBatch,
  points,
  referenceAdapter,
  referenceBatch,
  referenceFile,
  referenceJson,
  referenceModel,
  referenceRows,
  variants,
} from '../cases/reference.ts';
import { relativeError } from '../oracles/relativeError.ts';
import { storedTensors } from '../oracles/storedTensors.ts';

// The reference was computed in float64; float32 differs from it as on ONNX Runtime, for which the same bounds hold.
const lossTolerance = 1e-5;
const derivativeTolerance = 1e-4;

const matrices = [
  { curvature: 'hessian', operator: hessian, key: 'hessian' },
  { curvature: 'gaussNewton', operator: gaussNewton, key: 'gauss_newton' },
] as const;

const firstLayer = 'model.layers.0.self_attn.';
const backends = (await replayBackends()).filter(({ name }) => name !== 'cpu');

for (const backend of backends) {
  for (const architecture of ['llama', 'llama-tied'])
    test(`the loss of ${architecture} and of its rows on ${backend.name} agree with transformers`, async () => {
      await using model = await referenceModel(architecture, 'float32', backend);
      const { loss, rowLosses } = await evaluate(model, referenceRows(architecture), { batchSize: 2 });
      const expected = referenceBatch(architecture);
      assert.ok(relativeError([loss], [expected.loss]) < lossTolerance, `loss ${loss}, expected ${expected.loss}`);
      assert.ok(relativeError(rowLosses, expected.row_losses) < lossTolerance, `rows ${rowLosses}`);
    });

  for (const variant of variants)
    for (const point of points)
      test(`loss, gradient, H v and G v of ${variant} at its ${point} point on ${backend.name} agree with PyTorch`, async () => {
        await using model = await referenceModel('llama', 'float32', backend);
        const adapter = await referenceAdapter(model, variant, point);
        const batch = llamaBatch('float32');
        const program = model.program(adapter.layout, batch);

        const { value, gradient } = await program.gradient(adapter, batch.inputs);
        const { loss } = referenceJson<{ points: Record<string, { loss: number }> }>(
          `adapters/llama/${variant}/reference.json`,
        ).points[point]!;
        assert.ok(relativeError([value], [loss]) < lossTolerance, `loss ${value}, expected ${loss}`);
        const gradients = storedTensors(referenceFile(`adapters/llama/${variant}/gradients_${point}.safetensors`));
        const names = [...viewTensors(gradient, layoutTensors(adapter.layout)).keys()];
        const expected = names.flatMap((name) => Array.from(gradients.get(`base_model.model.${name}`)!.values));
        const gradientError = relativeError(gradient, expected);
        assert.ok(gradientError < derivativeTolerance, `gradient is ${gradientError} off`);

        const modules = ['q_proj', 'v_proj'].map((module) => firstLayer + module);
        const { tensors } = groupOf(adapter.layout, modules, 'some');
        const stored = storedTensors(referenceFile(`curvature/llama/${variant}.safetensors`));
        for (const { curvature, operator, key } of matrices) {
          await using whole = await operator([
            { scored: batch.scored, linearised: await program.linearise(adapter, batch.inputs, curvature) },
          ]);
          const restricted = await whole.block(tensors);
          const part = (name: string, k: number) =>
            stored.get(name)!.values.slice(k * restricted.size, (k + 1) * restricted.size);
          for (let k = 0; k < 3; k++) {
            const product = await restricted.apply(Float32Array.from(part('directions', k)));
            const error = relativeError(product, part(`${point}.${key}.products`, k));
            assert.ok(error < derivativeTolerance, `${curvature} product ${k} is ${error} off`);
          }
        }
      });
}

test.run();
