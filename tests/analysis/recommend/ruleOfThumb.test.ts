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

test('the prior is the rule at alpha 32, and goes as alpha^-1/2 from there', () => {
  const model = { modelType: 'llama', hiddenSize: 2048 };
  const at = (...alphas: number[]): number => priorRate(model, alphas)!.learningRate;
  assertClose([at(32)], [ruleOfThumb(model)!], 1e-12);
  assertClose([at(8), at(128), at(8, 128)], [2 * at(32), at(32) / 2, at(32)], 1e-12);
  assert.is(priorRate(model, []), null);
  assert.is(priorRate({ modelType: 'gpt2', hiddenSize: 768 }, [16]), null);
});

test.run();
