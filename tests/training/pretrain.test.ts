import { cpSync, existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type RandomStream, randomStream } from '../../compute/random.ts';
import { packTokens } from '../../training/data/packing.ts';
import type { TextTokenizer } from '../../training/data/tokenizer/tokenizer.ts';
import { evaluate } from '../../training/evaluate.ts';
import type { StepMetrics } from '../../training/finetune/metrics.ts';
import { loadModel } from '../../training/model.ts';
import type { RotaryConfig } from '../../training/models/rotaryConfig.ts';
import { pretrain } from '../../training/pretrain.ts';
import { inTemporaryFolder } from '../cases/temporaryFolder.ts';

const eos = 1;
const config: RotaryConfig = {
  ...{ modelType: 'llama', vocabSize: 1000, hiddenSize: 64, intermediateSize: 96, layers: 2, activation: 'silu' },
  ...{ heads: 4, keyValueHeads: 2, headSize: 16, rmsNormEps: 1e-5, rotary: { theta: 10_000, scaling: null } },
  ...{ attentionBias: 'none', feedForwardBias: false, tieWordEmbeddings: true, maxPositions: 64 },
  ...{ bosTokenId: null, eosTokenId: eos },
};
const settings = { weightDecay: 0.1, seed: 0, threads: 1, length: 32 };

/** Texts without end, by their numbers. */
function* numbers(): Generator<string> {
  for (let number = 0; ; number++) yield String(number);
}

/** A tokenizer to which each text is 50 tokens, drawn for its number. */
function drawing(token: (random: RandomStream, place: number) => number): TextTokenizer {
  const encode = (text: string) => {
    const random = randomStream(3, `text ${text}`);
    return Array.from({ length: 50 }, (_, place) => token(random, place));
  };
  const pieces = () => ({ ids: [], pieces: [] });
  return { encode, pieces, decode: String, eosTokenId: eos, eosToken: null, vocabSize: config.vocabSize, chat: null };
}

test('a new model only guesses: logits of variance 1 cost half a nat more than the logarithm of the vocabulary', () =>
  inTemporaryFolder(async (out) => {
    const tokenizer = drawing((random) => random.integer(config.vocabSize));
    const run = { ...settings, steps: 1, batchSize: 64, learningRate: 1e-3 };
    const { initialLoss } = await pretrain({ ...run, config, tokenizer, documents: numbers(), out });
    // For normal logits z the loss is ln V + ln E[exp z]. 2,000 drawn targets leave a deviation of 0.03, 1,000 embeddings one of 0.05.
    assert.ok(Math.abs(initialLoss - (Math.log(config.vocabSize) + 0.5)) < 0.1, `loss ${initialLoss}`);
  }));

test('saveEvery leaves the model of the last such step while the run goes on', () =>
  inTemporaryFolder(async (folder) => {
    // Every token is the next one's neighbour: soon learnt, so that each step has a loss of its own.
    const tokenizer = drawing((_, place) => 2 + place);
    const run = { ...settings, steps: 8, batchSize: 4, learningRate: 1e-2, saveEvery: 3 };
    const [out, metrics] = [join(folder, 'out'), [] as StepMetrics[]];
    const seen = (step: number) => join(folder, `at ${step}`);
    const onStep = (line: StepMetrics) => {
      metrics.push(line);
      cpSync(out, seen(line.step), { recursive: true });
    };
    await pretrain({ ...run, config, tokenizer, documents: numbers(), out, onStep });

    const weights = (at: string) => readFile(join(at, 'model.safetensors'));
    for (const step of [1, 2, 3]) assert.not.ok(existsSync(join(seen(step), 'model.safetensors')), `step ${step}`);
    for (const step of [5, 6]) assert.equal(await weights(seen(step)), await weights(seen(4)));
    assert.equal(await weights(seen(8)), await weights(seen(7)));
    assert.not.equal(await weights(out), await weights(seen(8)));

    const packed = packTokens(numbers(), tokenizer, run.length);
    const rows = Array.from({ length: run.steps * run.batchSize }, () => packed.next().value!);
    for (const step of [4, 7]) {
      await using model = await loadModel(seen(step), { threads: 1 });
      const { loss } = await evaluate(model, rows.slice((step - 1) * run.batchSize, step * run.batchSize));
      const { loss: expected, gradientNorm } = metrics[step - 1]!;
      // Weights of at most 1 are off by at most 2^-8 in BF16, each in its own direction.
      const tolerance = 2 ** -8 * gradientNorm;
      assert.ok(Math.abs(loss - expected) < tolerance, `step ${step}: ${loss}, in training ${expected}`);
      for (const other of metrics.filter((line) => line.step !== step))
        assert.ok(Math.abs(other.loss - expected) > 2 * tolerance, `steps ${step} and ${other.step}: ${expected}`);
    }
  }));

test.run();
