import {
  type Executable,
  type RandomStream,
  type SplitGraph,
  splitAt,
  type Values,
  type Vector,
} from '../../compute/index.ts';
import { bucketLength } from '../data/paddedLengths.ts';
import { type AdapterLayout, layoutKey } from '../layout/layout.ts';
import type { Model } from '../model.ts';
import { KeyValueCache } from './cache.ts';
import { type CacheShape, logitsName, recordPrompt, recordStep, stepInputs } from './graphs.ts';
import { chooseToken, type Sampling } from './sampling.ts';

/**
 * What ended a row: a token that ends texts, the most tokens that were asked for or that the model has positions for, or
 * logits that are not finite, as those of a diverged adapter.
 */
export type GenerationEnd = 'stop' | 'length' | 'notFinite';

/** A prompt that grows. */
export interface GrowingRow {
  /** The prompt, and what has been added to it. */
  readonly tokens: number[];
  /** The most tokens in all. */
  readonly most: number;
  readonly random: RandomStream;
  end?: GenerationEnd;
}

/** What is the same for all batches. */
export interface BatchSettings {
  readonly layout: AdapterLayout;
  /** What goes with the layout. */
  readonly feeds: Values;
  readonly sampling: Sampling;
  readonly stop: ReadonlySet<number>;
  /** What has been compiled for these so far, by the shape of the cache; empty at first. */
  readonly steps: Map<string, CompiledStep>;
  /** Is called after each token that was added to the rows. */
  onStep(): void;
}

/** A step's graph, and all that it is fed besides tokens and cache. */
export interface CompiledStep {
  readonly executable: Executable;
  readonly feeds: Values;
}

/** The least capacity of a cache: less would save little. */
const leastCapacity = 64;

/**
 * Adds tokens to rows until each has come to its end, all at once. The cache doubles when it is full and is halved where half
 * of its rows have ended, so that few graphs are compiled, and used again by the next batch.
 */
export async function generateBatch(model: Model, rows: readonly GrowingRow[], settings: BatchSettings): Promise<void> {
  const most = Math.max(...rows.map((row) => row.most));
  let places = rows;
  let cache = await readPrompts(model, rows, most, settings);
  for (;;) {
    settings.onStep();
    const open = [...places.keys()].filter((place) => places[place]!.end === undefined);
    if (open.length === 0) return;
    const kept = Math.max(...open.map((place) => places[place]!.tokens.length)) - 1;
    const shape = { rows: heightFor(open.length), capacity: capacityFor(kept + 1, most, model) };
    if (shape.rows < cache.shape.rows || shape.capacity > cache.shape.capacity) {
      cache = cache.repacked(open, kept, shape);
      places = open.map((place) => places[place]!);
    }
    await step(model, places, cache, settings);
  }
}

/** Adds a token to each prompt; a cache of what they are to the tokens behind them. */
async function readPrompts(
  model: Model,
  rows: readonly GrowingRow[],
  most: number,
  settings: BatchSettings,
): Promise<KeyValueCache> {
  const longest = Math.max(...rows.map(({ tokens }) => tokens.length));
  const length = Math.min(bucketLength(longest), model.config.maxPositions);
  const height = heightFor(rows.length);
  const inputIds = new Int32Array(height * length);
  const last = new Int32Array(height);
  for (const [place, { tokens }] of rows.entries()) {
    inputIds.set(tokens, place * length);
    last[place] = place * length + tokens.length - 1;
  }
  const { layout, feeds } = settings;
  const executable = await model.compiled(`prompt ${height}x${length} ${layoutKey(layout)}`, layout, () =>
    recordPrompt(model.decoder, layout, height, length),
  );
  const results = await executable.run(new Map([...feeds, ...Object.entries({ inputIds, last })]));
  const capacity = capacityFor(longest + 1, most, model);
  const cache = new KeyValueCache(model.config, { rows: height, capacity }, model.precision);
  cache.store(results, new Int32Array(height), length);
  advance(model, rows, results, settings);
  return cache;
}

/** Adds a token to each row that has not come to its end. */
async function step(
  model: Model,
  rows: readonly GrowingRow[],
  cache: KeyValueCache,
  settings: BatchSettings,
): Promise<void> {
  const { shape, arrays } = cache;
  const inputIds = new Int32Array(shape.rows);
  const positions = new Int32Array(shape.rows);
  for (const [place, { tokens, end }] of rows.entries()) {
    // A row that has ended stands at its first position: there may be no slot for its last.
    if (end !== undefined) continue;
    inputIds[place] = tokens.at(-1)!;
    positions[place] = tokens.length - 1;
  }
  const inputs = { inputIds, positions, ...Object.fromEntries(arrays) };
  const { executable, feeds } = await compiledStep(model, shape, settings);
  const results = await executable.run(new Map([...feeds, ...Object.entries(inputs)]));
  cache.store(results, positions, 1);
  advance(model, rows, results, settings);
}

/** A step's graph without what follows from the adapter and the weights alone (DoRA's norms, say): that is fed too. */
async function compiledStep(
  model: Model,
  shape: CacheShape,
  { layout, feeds, steps }: BatchSettings,
): Promise<CompiledStep> {
  const name = `step ${shape.rows}x${shape.capacity}`;
  const known = steps.get(name);
  if (known !== undefined) return known;
  let split: SplitGraph | undefined;
  const parts = () => {
    split ??= splitAt(recordStep(model.decoder, layout, shape), stepInputs(model.config));
    return split;
  };
  const key = `${name} ${layoutKey(layout)}`;
  const executable = await model.compiled(key, layout, () => parts().product);
  const prepare = await model.compiled(`${key}, prepared`, layout, () => parts().prepare);
  const step = { executable, feeds: new Map([...feeds, ...(await prepare.run(feeds))]) };
  steps.set(name, step);
  return step;
}

/** The next token of each row that has not come to its end, from the logits [rows, vocabulary]. */
function advance(model: Model, rows: readonly GrowingRow[], results: Values, { sampling, stop }: BatchSettings): void {
  const { vocabSize } = model.config;
  const logits = results.get(logitsName) as Vector;
  for (const [place, row] of rows.entries()) {
    if (row.end !== undefined) continue;
    const token = chooseToken(logits.subarray(place * vocabSize, (place + 1) * vocabSize), sampling, row.random);
    if (token === undefined) row.end = 'notFinite';
    else if (stop.has(token)) row.end = 'stop';
    else if (row.tokens.push(token) >= row.most) row.end = 'length';
  }
}

/** The next power of two. */
function heightFor(rows: number): number {
  return 2 ** Math.ceil(Math.log2(rows));
}

/** The next power of two, but no more than rows of `most` tokens will need. */
function capacityFor(needed: number, most: number, { config }: Model): number {
  const power = Math.max(leastCapacity, 2 ** Math.ceil(Math.log2(needed)));
  return Math.min(power, bucketLength(most), config.maxPositions);
}
