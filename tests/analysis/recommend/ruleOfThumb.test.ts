import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { priorRate, ruleOfThumb } from '../../../analysis/recommend/ruleOfThumb.ts';
import { assertClose } from '../../oracles/close.ts';

test("the published rule: 5e-4 at 2,000 hidden units, falling with the family's power; null for others", () => {
  for (const modelType of ['llama', 'qwen2', 'qwen3'])
    assertClose([ruleOfThumb({ modelType, hiddenSize: 2000 })!], [5e-4], 1e-12, modelType);
  assertClose([ruleOfThumb({ modelType: 'llama', hiddenSize: 4000 })!], [5e-4 * 2 ** -0.781], 1e-12);
  assertClose([ruleOfThumb({ modelType: 'qwen3', hiddenSize: 1000 })!], [5e-4 * 2 ** 0.0775], 1e-12);
  assert.is(ruleOfThumb({ modelType: 'gpt2', hiddenSize: 768 }), null);
});

test('the prior is the rule at alpha and rank 32, and goes as alpha^-0.6 rank^0.18 from there', () => {
  const model = { modelType: 'llama', hiddenSize: 2048 };
  const at = (...sizes: (readonly [alpha: number, rank: number])[]): number =>
    priorRate(
      ruleOfThumb(model),
      sizes.map(([alpha, rank]) => ({ alpha, rank })),
    )!.learningRate;
  const published = ruleOfThumb(model)!;
  assertClose([at([32, 32])], [published], 1e-12);
  assertClose([at([8, 32]), at([128, 32])], [4 ** 0.6 * published, 4 ** -0.6 * published], 1e-12);
  assertClose([at([32, 2]), at([32, 128])], [16 ** -0.18 * published, 4 ** 0.18 * published], 1e-12);
  assertClose([at([8, 32], [128, 32])], [published], 1e-12, 'modules that differ count by their geometric mean');
  assert.is(priorRate(ruleOfThumb(model), []), null);
  assert.is(priorRate(ruleOfThumb({ modelType: 'gpt2', hiddenSize: 768 }), [{ alpha: 16, rank: 8 }]), null);
});

test.run();
