import { llama3Words, qwen2Words, tekkenWords } from '../../data/tokenizer/words.ts';
import type { Metadata } from './metadata.ts';

/** How a byte-level vocabulary splits texts, as the tokenizer.json that its models were published with. */
export interface PreTokenizer {
  readonly normalizer: object | null;
  /** The steps before bytes become characters, among them that into words. */
  readonly splits: readonly object[];
  /** Whether words are GPT-2's, which the step that makes characters of bytes knows itself. */
  readonly hasGpt2Words: boolean;
  /** Whether a word that is a token as a whole is taken as it is, whatever its merges. */
  readonly ignoresMerges: boolean;
  /** Whether llama.cpp begins a text with bos where the file does not say. */
  readonly addsBos: boolean;
}

const words = (pattern: string) => [
  { type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false },
];
const gpt2 = { normalizer: null, splits: [], hasGpt2Words: true, ignoresMerges: false, addsBos: false };
const llama3 = { ...gpt2, splits: words(llama3Words), hasGpt2Words: false, ignoresMerges: true, addsBos: true };
const qwen2 = { ...gpt2, normalizer: { type: 'NFC' }, splits: words(qwen2Words), hasGpt2Words: false };

/** By the names of llama.cpp in `tokenizer.ggml.pre`. */
const preTokenizers: ReadonlyMap<string, PreTokenizer> = new Map<string, PreTokenizer>([
  ['gpt-2', gpt2],
  // Every digit by itself, before words are looked for: white space in front of one stays apart from it.
  ['smollm', { ...gpt2, splits: [{ type: 'Digits', individual_digits: true }] }],
  ...['llama-bpe', 'llama3', 'llama-v3', 'falcon3', 'smaug-bpe'].map((name) => [name, llama3] as const),
  ...['qwen2', 'deepseek-r1-qwen'].map((name) => [name, qwen2] as const),
  ['tekken', { ...llama3, splits: words(tekkenWords) }],
]);

/** The pre-tokenizer that a file names. Throws a LambdamaxError that names the field for one that is not known, and for none. */
export function preTokenizerOf(metadata: Metadata): PreTokenizer {
  const key = 'tokenizer.ggml.pre';
  const name = metadata.text(key);
  const known = preTokenizers.get(name ?? '');
  if (known !== undefined) return known;
  const remedy = "name the model's own tokenizer.json: `tokenizer`";
  throw metadata.fault(key, `one of ${[...preTokenizers.keys()].join(', ')}`, name ?? 'none', remedy);
}
