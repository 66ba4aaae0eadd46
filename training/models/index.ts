import { type ConfigFile, modelTypeOf, readConfigFile } from '../checkpoint/config.ts';
import { requireKnownFields } from './configFields.ts';
import type { Decoder, Family } from './decoder.ts';
import { gemma3Text } from './families/gemma3Text.ts';
import { gpt2 } from './families/gpt2.ts';
import { llama } from './families/llama.ts';
import { mistral } from './families/mistral.ts';
import { olmo2 } from './families/olmo2.ts';
import { phi3 } from './families/phi3.ts';
import { qwen2 } from './families/qwen2.ts';
import { qwen3 } from './families/qwen3.ts';
import { smollm3 } from './families/smollm3.ts';

/** Every family that can be loaded. */
export const families: readonly Family[] = [gemma3Text, gpt2, llama, mistral, olmo2, phi3, qwen2, qwen3, smollm3];

/**
 * The decoder that a checkpoint folder's config.json describes. Throws a LambdamaxError that names the file and the key if
 * its family is not known, its features would be computed wrongly, or its numbers contradict one another.
 */
export async function readDecoder(directory: string): Promise<Decoder> {
  return decoderOf(await readConfigFile(directory));
}

/** The decoder that a config.json describes. Throws as `readDecoder`. */
export function decoderOf(config: ConfigFile): Decoder {
  const type = modelTypeOf(config, new Map(families.map(({ modelType, className }) => [modelType, className])));
  const family = families.find(({ modelType }) => modelType === type)!;
  requireKnownFields(config, family.fields);
  return family.decoder(config);
}
