import { promptTokens } from '../data/together.ts';
import type { TextTokenizer } from '../data/tokenizer/tokenizer.ts';
import type { Model } from '../model.ts';
import { type GenerateOptions, type Generation, generate } from './generate.ts';

/** What a model made of a prompt of text. */
export interface TextGeneration extends Generation {
  /** The new text, without the prompt and without special tokens. */
  readonly text: string;
  /** Tokens of the prompt. */
  readonly promptTokens: number;
}

/**
 * Continues texts, or tokens where the text has special ones of its own: `generate`, with the model's tokenizer on both sides.
 * Throws as that does.
 */
export async function generateTexts(
  model: Model,
  prompts: readonly (string | readonly number[])[],
  options: GenerateOptions = {},
): Promise<TextGeneration[]> {
  const tokenizer = await model.tokenizer();
  const tokens = prompts.map((prompt) => (typeof prompt === 'string' ? promptTokens(prompt, tokenizer) : prompt));
  const generations = await generate(model, tokens, options);
  return generations.map((generation, index) => ({
    ...generation,
    text: textBehind(tokens[index]!, generation.tokens, tokenizer),
    promptTokens: tokens[index]!.length,
  }));
}

/** By itself the first token may decode to something else than behind a prompt: many tokenizers drop a leading space. */
function textBehind(prompt: readonly number[], tokens: Int32Array, tokenizer: TextTokenizer): string {
  const [before, whole] = [tokenizer.decode(prompt), tokenizer.decode([...prompt, ...tokens])];
  return whole.startsWith(before) ? whole.slice(before.length) : tokenizer.decode(tokens);
}
