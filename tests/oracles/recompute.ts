import { randomStream } from '../../compute/index.ts';
import type { Adapter } from '../../training/adapters/create.ts';
import { adapterFeeds } from '../../training/adapters/feeds.ts';
import { toBatch } from '../../training/data/batches.ts';
import { chooseToken, type Sampling } from '../../training/generate/sampling.ts';
import type { Model } from '../../training/model.ts';

/**
 * The tokens behind a prompt, each from the logits of the whole row up to it, computed anew: no cache, no batch, nothing but
 * the graph that evaluations use.
 */
export async function recomputed(
  model: Model,
  prompt: readonly number[],
  count: number,
  { adapter, index = 0, seed = 0, ...sampling }: Sampling & { adapter?: Adapter; index?: number; seed?: number } = {},
): Promise<number[]> {
  const random = randomStream(seed, `tokens behind prompt ${index}`);
  const { layout, feeds } = adapterFeeds(adapter);
  const { vocabSize } = model.config;
  const tokens = [...prompt];
  const length = prompt.length + count;
  while (tokens.length < length) {
    const inputIds = Int32Array.from(tokens);
    // Some label must be scored; the logits are those of any.
    const labels = Int32Array.from([...tokens.slice(1), 0]);
    const { precision } = model;
    const batch = toBatch([{ inputIds: Int32Array.from([...inputIds, 0]), labels: Int32Array.from([...labels, 0]) }], {
      length,
      precision,
    });
    const executable = await model.logits(layout, batch);
    const logits = (await executable.run(new Map([...feeds, ...Object.entries(batch.inputs)]))).get('logits')!;
    const last = logits.subarray((tokens.length - 1) * vocabSize, tokens.length * vocabSize);
    tokens.push(chooseToken(last as Float64Array, sampling, random)!);
  }
  return tokens.slice(prompt.length);
}
