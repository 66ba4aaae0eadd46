import { join } from 'node:path';
import type { RotaryConfig } from '../../training/models/rotaryConfig.ts';
import type { Arguments, Command } from '../command.ts';
import { engineOptions, overwriteOption, parseFloat32Engine, parseOverwrite, value } from '../options/options.ts';
import { UsageError } from '../options/usageError.ts';
import { given, number, optional, required, text, wholeNumber } from '../options/values.ts';
import { shortNumber } from '../words/output.ts';

const { precision: _, ...float32EngineOptions } = engineOptions;

/** `lambdamax pretrain`: a base model from generated text. */
export const command: Command = {
  usage: 'pretrain',
  summary: 'Pre-train a small Llama on texts of the generated world',
  options: {
    out: value('Output', 'DIR', 'folder of the checkpoint, its tokenizer and metrics.jsonl'),
    steps: value('Training', 'N', 'optimizer steps', '6000'),
    'save-every': value('Training', 'N', 'write the checkpoint every N steps as well as at the end'),
    'batch-size': value('Training', 'N', 'rows a step', '16'),
    length: value('Training', 'N', 'tokens a row', '128'),
    lr: value('Training', 'RATE', 'peak learning rate', '3e-3'),
    'weight-decay': value('Training', 'X', 'weight decay', '0.1'),
    seed: value('Training', 'N', 'of the text and of the initial weights', '0'),
    vocabulary: value('Model', 'N', 'tokens of the byte-pair vocabulary', '1024'),
    hidden: value('Model', 'N', 'width', '192'),
    layers: value('Model', 'N', 'blocks', '4'),
    heads: value('Model', 'N', 'query heads', '6'),
    'key-value-heads': value('Model', 'N', 'key and value heads', '2'),
    intermediate: value('Model', 'N', 'width of the feed-forward layer', '512'),
    ...overwriteOption,
    ...float32EngineOptions,
  },
  examples: [['pretrain --out fixtures/base', 'the bundled model']],
  async run(args, output) {
    const out = required(args, 'out', text);
    const config = parseConfig(args);
    const seed = required(args, 'seed', wholeNumber(0));
    const run = {
      ...given({ saveEvery: optional(args, 'save-every', wholeNumber(1)) }),
      steps: required(args, 'steps', wholeNumber(1)),
      batchSize: required(args, 'batch-size', wholeNumber(1)),
      length: required(args, 'length', wholeNumber(2)),
      learningRate: required(args, 'lr', number({ above: 0 })),
      weightDecay: required(args, 'weight-decay', number({ least: 0 })),
    };
    const { backend, threads } = parseFloat32Engine(args);
    const { backendNamed } = await import('../../compute/index.ts');
    const { corpusDocuments, tokenizerDocuments } = await import('../../training/corpus/corpus.ts');
    const { trainBytePairs, writeTokenizer } = await import('../../training/data/tokenizer/bytePairs.ts');
    const { loadTokenizer } = await import('../../training/data/tokenizer/tokenizer.ts');
    const { inResultFolder } = await import('../../training/checkpoint/resultFolder.ts');
    const { pretrain } = await import('../../training/pretrain.ts');
    const allowed = { isResult: (name: string) => resultNames.includes(name), overwrite: parseOverwrite(args) };
    const result = await inResultFolder(out, { ...allowed, inPlace: true }, async (place) => {
      if (run.steps === 1) output.warn('nothing is trained: the only step is warm-up, in which the learning rate is 0');
      await writeTokenizer(place, trainBytePairs(corpusDocuments(seed, tokenizerDocuments), config.vocabSize));
      const tokenizer = await loadTokenizer(place);
      const documents = corpusDocuments(seed, Number.POSITIVE_INFINITY);
      const progress = output.progress(run.steps, 'pretrain');
      const pretrained = await pretrain({
        ...{ ...run, config, tokenizer, documents, seed, out: place, threads, backend: backendNamed(backend) },
        onStep: ({ step, loss, seconds }) =>
          progress.update(
            step,
            `loss ${loss.toFixed(3)}  ${Math.round((step * run.batchSize * run.length) / seconds)} tokens/s`,
          ),
      }).finally(() => progress.stop());
      return { isGood: true, result: pretrained };
    });
    output.result({ ...result, checkpoint: out }, () => [
      `${result.parameters} parameters, ${result.tokens} tokens in ${shortNumber(result.seconds, 3)} s: ` +
        `loss ${shortNumber(result.initialLoss)} -> ${shortNumber(result.finalLoss)}`,
      join(out, 'model.safetensors'),
    ]);
  },
};

const resultNames = ['config.json', 'model.safetensors', 'metrics.jsonl', 'tokenizer.json', 'tokenizer_config.json'];

/** @throws UsageError for heads that do not divide what they share. */
function parseConfig(args: Arguments): RotaryConfig {
  const count = (option: string, least = 1) => required(args, option, wholeNumber(least));
  const [hiddenSize, heads, keyValueHeads] = [count('hidden'), count('heads'), count('key-value-heads')];
  // The rotary embedding turns pairs of entries of a head.
  if (hiddenSize % (2 * heads) !== 0) {
    throw new UsageError({
      subject: '--hidden',
      expected: `an even number for each of ${heads} --heads`,
      got: hiddenSize,
    });
  }
  if (heads % keyValueHeads !== 0) {
    throw new UsageError({
      subject: '--key-value-heads',
      expected: `a divisor of --heads, ${heads}`,
      got: keyValueHeads,
    });
  }
  return {
    modelType: 'llama',
    // The 256 bytes and two special tokens are the least.
    vocabSize: count('vocabulary', 258),
    hiddenSize,
    intermediateSize: count('intermediate'),
    layers: count('layers'),
    heads,
    keyValueHeads,
    headSize: hiddenSize / heads,
    rmsNormEps: 1e-5,
    activation: 'silu',
    rotary: { theta: 10_000, scaling: null },
    attentionBias: 'none',
    feedForwardBias: false,
    tieWordEmbeddings: true,
    maxPositions: Math.max(512, count('length')),
    bosTokenId: null,
    eosTokenId: 1,
  };
}
