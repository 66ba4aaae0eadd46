import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readJson } from '../checkpoint/files.ts';
import type { Model } from '../model.ts';

/**
 * The tokens that end a text: the tokenizer's, and all that `eos_token_id` in generation_config.json lists, or in config.json
 * where that file is not there, as transformers has it.
 */
export async function stopTokens(model: Model): Promise<ReadonlySet<number>> {
  const folder = model.checkpoint.directory;
  const hasTokenizer = existsSync(join(folder, 'tokenizer.json'));
  const ends = hasTokenizer ? [(await model.tokenizer()).eosTokenId] : [];
  const file = ['generation_config.json', 'config.json'].map((name) => join(folder, name)).find(existsSync);
  const { eos_token_id: listed } = (file ? await readJson(file) : {}) as { readonly eos_token_id?: unknown };
  return new Set([...ends, ...[listed].flat()].filter((id): id is number => Number.isInteger(id)));
}
