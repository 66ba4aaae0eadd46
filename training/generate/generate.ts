import { randomStream } from '../../compute/index.ts';
import { ArgumentError, LambdamaxError } from '../../errors.ts';
import type { Adapter } from '../adapters/create.ts';
import { adapterFeeds } from '../adapters/feeds.ts';
import { batchesOf } from '../data/batches.ts';
import type { Model } from '../model.ts';
import { bytesPerPosition } from './cache.ts';
import { type GenerationEnd, type GrowingRow, generateBatch } from './generateBatch.ts';
import { generationDefaults, type Sampling } from './sampling.ts';
import { stopTokens } from './stopTokens.ts';

/** How prompts are continued. */
export interface GenerateOptions extends Sampling {
  readonly adapter?: Adapter;
  /** The most tokens that are added to a prompt; default 256. */
  readonly maxNewTokens?: number;
  /** Seed of what is drawn; every prompt has a stream of its own. Default 0. */
  readonly seed?: number;
  /** Tokens that end a text; default: `stopTokens(model)`. */
  readonly stop?: ReadonlySet<number>;
  /** The most prompts at a time; default 64, and always fewer where their keys and values would take more than 512 MB. */
  readonly batchSize?: number;
  /** Is told after each step how many prompts have come to their ends, and how many tokens there are. */
  onProgress?(done: number, tokens: number): void;
}

/** What a model made of a prompt. */
export interface Generation {
  /** The new tokens, without the one that ended them. */
  readonly tokens: Int32Array;
  readonly end: GenerationEnd;
}

/** The most bytes that the keys and values of a batch may take. */
const mostCacheBytes = 2 ** 29;

/**
 * Continues prompts of tokens, with an adapter or without. Prompts are sorted by length into batches; the result is in their
 * order, and what is drawn for the i-th depends on seed and i alone. Throws a LambdamaxError that names the option, or the
 * prompt: one that is empty, leaves no position of the model free, or has a token that the model does not know.
 */
export async function generate(
  model: Model,
  prompts: readonly ArrayLike<number>[],
  {
    adapter,
    maxNewTokens = generationDefaults.maxNewTokens,
    seed = generationDefaults.seed,
    stop,
    batchSize = 64,
    onProgress,
    ...sampling
  }: GenerateOptions = {},
): Promise<Generation[]> {
  requireOptions(maxNewTokens, sampling);
  const rows = prompts.map((prompt, index): GrowingRow => {
    requirePrompt(model, prompt, index);
    return {
      tokens: Array.from(prompt),
      most: Math.min(prompt.length + maxNewTokens, model.config.maxPositions),
      random: randomStream(seed, `tokens behind prompt ${index}`),
    };
  });
  const settings = {
    ...adapterFeeds(adapter),
    sampling,
    stop: stop ?? (await stopTokens(model)),
    steps: new Map(),
    onStep: () =>
      onProgress?.(
        rows.filter(({ end }) => end !== undefined).length,
        rows.reduce((sum, { tokens }, index) => sum + tokens.length - prompts[index]!.length, 0),
      ),
  };
  const byLength = rows.toSorted((a, b) => a.tokens.length - b.tokens.length);
  const bytesPerRow = bytesPerPosition(model) * Math.max(0, ...rows.map(({ most }) => most));
  const fitting = Math.max(1, Math.floor(mostCacheBytes / bytesPerRow));
  for (const batch of batchesOf(byLength, Math.min(batchSize, fitting))) await generateBatch(model, batch, settings);
  return rows.map(({ tokens, end }, index) => ({
    tokens: Int32Array.from(tokens.slice(prompts[index]!.length)),
    end: end!,
  }));
}

function requireOptions(
  maxNewTokens: number,
  { temperature = generationDefaults.temperature, topP = generationDefaults.topP }: Sampling,
): void {
  if (!(Number.isInteger(maxNewTokens) && maxNewTokens >= 1))
    throw new ArgumentError({
      subject: 'maxNewTokens',
      expected: 'a whole number of at least 1',
      got: maxNewTokens,
    });
  if (!(temperature >= 0 && temperature < Number.POSITIVE_INFINITY))
    throw new ArgumentError({ subject: 'temperature', expected: 'a number >= 0', got: temperature });
  if (!(topP > 0 && topP <= 1))
    throw new ArgumentError({ subject: 'topP', expected: 'a number > 0 and <= 1', got: topP });
}

function requirePrompt({ config }: Model, prompt: ArrayLike<number>, index: number): void {
  const subject = `prompt ${index + 1}`;
  const { maxPositions, vocabSize } = config;
  if (!(prompt.length >= 1 && prompt.length < maxPositions))
    throw new LambdamaxError({
      subject,
      expected: `1 to ${maxPositions - 1} tokens, for a model of ${maxPositions} positions`,
      got: prompt.length,
    });
  const unknown = Array.from(prompt).find((token) => !(Number.isInteger(token) && token >= 0 && token < vocabSize));
  if (unknown !== undefined)
    throw new LambdamaxError({ subject, expected: `token ids from 0 to ${vocabSize - 1}`, got: unknown });
}
