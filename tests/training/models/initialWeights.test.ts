import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { viewTensors } from '../../../compute/index.ts';
import { llamaDecoder } from '../../../training/models/families/llama.ts';
import { initialWeights } from '../../../training/models/initialWeights.ts';

const [hiddenSize, layers] = [64, 3];
const decoder = llamaDecoder({
  ...{ modelType: 'llama', vocabSize: 500, hiddenSize, intermediateSize: 96, layers, activation: 'silu' },
  ...{ heads: 4, keyValueHeads: 2, headSize: 16, rmsNormEps: 1e-5, rotary: { theta: 10_000, scaling: null } },
  ...{ attentionBias: 'none', feedForwardBias: false, tieWordEmbeddings: true, maxPositions: 64 },
  ...{ bosTokenId: null, eosTokenId: 1 },
});

test('matrices are normal with spread 1/sqrt(hidden size), smaller by sqrt(2 layers) into the residual stream; norms are 1', () => {
  const tensors = viewTensors(initialWeights(decoder, 0), decoder.weights);
  let matrices = 0;
  for (const [name, values] of tensors) {
    if (name.includes('norm')) {
      assert.ok(
        values.every((value) => value === 1),
        name,
      );
      continue;
    }
    matrices++;
    const intoResidual = /o_proj|down_proj/.test(name);
    const spread = 1 / Math.sqrt(hiddenSize * (intoResidual ? 2 * layers : 1));
    const scaled = Array.from(values, (value) => value / spread);
    const mean = (power: number) => scaled.reduce((sum, value) => sum + value ** power, 0) / values.length;
    // Of n normal values the mean has the deviation 1/sqrt(n), that of the squares sqrt(2/n), of the fourth powers sqrt(96/n).
    const error = 4 / Math.sqrt(values.length);
    assert.ok(Math.abs(mean(1)) < error, `${name}: mean ${mean(1)}`);
    assert.ok(Math.abs(mean(2) - 1) < Math.SQRT2 * error, `${name}: variance ${mean(2)}`);
    assert.ok(Math.abs(mean(4) - 3) < Math.sqrt(96) * error, `${name}: fourth moment ${mean(4)}`);
  }
  assert.is(matrices, 1 + 7 * layers);
});

test('weights follow from the seed, and no two matrices are alike', () => {
  assert.equal(initialWeights(decoder, 1), initialWeights(decoder, 1));
  assert.not.equal(initialWeights(decoder, 1), initialWeights(decoder, 2));
  const views = [...viewTensors(initialWeights(decoder, 1), decoder.weights)];
  const firsts = views.flatMap(([name, [first]]) =>
    name.includes('norm') ? [] : first! * Math.sqrt(/o_proj|down/.test(name) ? 2 * layers : 1),
  );
  assert.is(new Set(firsts.map((first) => first.toFixed(5))).size, firsts.length);
});

test.run();
