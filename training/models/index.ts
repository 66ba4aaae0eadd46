import { modelTypeOf, readConfigFile } from '../checkpoint/config.ts';
import type { Decoder, Family } from './decoder.ts';
import { gpt2 } from './gpt2.ts';
import { llama } from './llama.ts';
import { qwen3 } from './qwen3.ts';

/** Every family that can be loaded. */
export const families: readonly Family[] = [gpt2, llama, qwen3];

/**
 * The decoder that a checkpoint folder's config.json describes. Throws a LambdamaxError that names the file and the key if
 * its family is not known, its features would be computed wrongly, or its numbers contradict one another.
 */
export async function readDecoder(directory: string): Promise<Decoder> {
  const config = await readConfigFile(directory);
  const type = modelTypeOf(config, new Map(families.map(({ modelType, className }) => [modelType, className])));
  return families.find(({ modelType }) => modelType === type)!.decoder(config);
}
