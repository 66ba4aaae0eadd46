import type { Metadata } from './metadata.ts';
import { preTokenizerOf } from './preTokenizers.ts';
import { mergesOf } from './sentencePiece.ts';
import { type SpecialTokens, type Vocabulary, vocabularyOf } from './vocabulary.ts';

/** The tokenizer of a GGUF file, as Hugging Face's files describe it. */
export interface GgufTokenizer {
  /** The content of tokenizer.json; null if another one is to stand for it. */
  readonly definition: object | null;
  /** The content of tokenizer_config.json. */
  readonly settings: object;
  readonly special: SpecialTokens;
}

const key = (name: string) => `tokenizer.ggml.${name}`;

/**
 * The tokenizer that the metadata describes; null if there is none. With `isReplaced` only its special tokens are of use, and how it
 * splits texts need not be known. Throws a LambdamaxError that names the field for a tokenizer that is not known.
 */
export function tokenizerOf(
  metadata: Metadata,
  {
    architecture,
    rows,
    isReplaced,
  }: { readonly architecture: string; readonly rows: number; readonly isReplaced: boolean },
): GgufTokenizer | null {
  const kind = metadata.text(key('model')) ?? 'none';
  if (kind === 'none' || kind === 'no_vocab') return null;
  if (!isReplaced && kind !== 'gpt2' && kind !== 'llama')
    throw metadata.fault(key('model'), 'gpt2 (byte-level BPE) or llama (SentencePiece)', kind);
  const isBytes = kind === 'gpt2';
  // llama.cpp's own for SentencePiece, where the file does not say.
  const vocabulary = vocabularyOf(metadata, rows, isBytes ? {} : { unk: 0, bos: 1, eos: 2 });
  const parts = isReplaced
    ? null
    : isBytes
      ? byteLevel(metadata, vocabulary)
      : sentencePiece(metadata, vocabulary, architecture);
  const bos = metadata.flag(key('add_bos_token')) ?? parts?.addsBos ?? !isBytes;
  const eos = metadata.flag(key('add_eos_token')) ?? false;
  metadata.only(key('add_sep_token'), [false]);
  const { special } = vocabulary;
  if (bos && special.bos === undefined)
    throw metadata.fault(key('bos_token_id'), 'a token, since texts begin with it', 'none');
  if (eos && special.eos === undefined)
    throw metadata.fault(key('eos_token_id'), 'a token, since texts end with it', 'none');
  const around = { bos: bos ? special.bos : undefined, eos: eos ? special.eos : undefined };
  const settings = settingsOf(vocabulary, { bos, eos });
  return { definition: parts && definitionOf(parts, vocabulary, around), settings, special };
}

/** What differs between kinds of vocabularies. */
interface Parts {
  readonly tokens: readonly string[];
  readonly normalizer: object | null;
  readonly pre_tokenizer: object | null;
  readonly decoder: object;
  readonly model: object;
  readonly merges: readonly (readonly [string, string])[];
  readonly addsBos: boolean;
}

function byteLevel(metadata: Metadata, { tokens, merges }: Vocabulary): Parts {
  const { normalizer, splits, hasGpt2Words, ignoresMerges, addsBos } = preTokenizerOf(metadata);
  metadata.only(key('add_space_prefix'), [false]);
  if (merges === undefined) throw metadata.fault(key('merges'), 'a list of texts', 'none');
  const bytes = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: hasGpt2Words };
  return {
    ...{ tokens, normalizer, merges, addsBos },
    pre_tokenizer: { type: 'Sequence', pretokenizers: [...splits, bytes] },
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: { unk_token: null, fuse_unk: false, byte_fallback: false, ignore_merges: ignoresMerges },
  };
}

/** SentencePiece's ▁, which stands for a space. */
const space = '▁';

function sentencePiece(metadata: Metadata, vocabulary: Vocabulary, architecture: string): Parts {
  // Without white space being cut; a field of Unigram vocabularies.
  metadata.only(key('remove_extra_whitespaces'), [false]);
  metadata.text(key('pre'));
  const isGemma = architecture === 'gemma3';
  const { special, scores } = vocabulary;
  const tokens = isGemma ? vocabulary.tokens.map(spacesMarked) : vocabulary.tokens;
  const prefix = metadata.flag(key('add_space_prefix')) ?? !isGemma;
  const long = tokens.find((token) => token.length > longestPiece);
  if (long !== undefined) throw metadata.fault(key('tokens'), `tokens of at most ${longestPiece} characters`, long);
  const [twice] = tokens.filter((token, id) => token !== vocabulary.tokens[id] && vocabulary.tokens.includes(token));
  if (twice !== undefined) throw metadata.fault(key('tokens'), 'spaces in one spelling', `${twice} in two`);
  if (scores === undefined && vocabulary.merges === undefined)
    throw metadata.fault(key('scores'), 'a number for each token', 'none');
  // Gemma learned its merges in the order of its tokens, whatever their scores.
  const scoreOf = (id: number) => (isGemma ? -id : scores![id]!);
  const model = { unk_token: tokens[special.unk ?? 0], fuse_unk: true, byte_fallback: true, ignore_merges: false };
  const decoders = [
    { type: 'Replace', pattern: { String: space }, content: ' ' },
    { type: 'ByteFallback' },
    { type: 'Fuse' },
  ];
  const strip = { type: 'Strip', content: ' ', start: 1, stop: 0 };
  return {
    ...{ tokens, model, addsBos: true, merges: vocabulary.merges ?? mergesOf(tokens, scoreOf) },
    normalizer: prefix ? null : { type: 'Replace', pattern: { String: ' ' }, content: space },
    pre_tokenizer: prefix
      ? { type: 'Metaspace', replacement: space, prepend_scheme: 'first', split: false }
      : { type: 'Split', pattern: { String: ' ' }, behavior: 'MergedWithPrevious', invert: false },
    decoder: { type: 'Sequence', decoders: prefix ? [...decoders, strip] : decoders },
  };
}

/** Every way to cut a piece in two is looked at; those of real vocabularies have some 30 characters at most. */
const longestPiece = 256;

/** A token of spaces alone, as texts have it once their spaces are marked. */
function spacesMarked(token: string): string {
  return /^ +$/.test(token) ? space.repeat(token.length) : token;
}

function definitionOf(
  { tokens, normalizer, pre_tokenizer, decoder, model, merges }: Parts,
  vocabulary: Vocabulary,
  around: { readonly bos: number | undefined; readonly eos: number | undefined },
): object {
  const tokenFlags = { single_word: false, lstrip: false, rstrip: false, normalized: false };
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: vocabulary.added
      .filter(({ id, special }) => special || tokens[id] === vocabulary.tokens[id])
      .map(({ id, special }) => ({ id, content: tokens[id], ...tokenFlags, special })),
    ...{ normalizer, pre_tokenizer, post_processor: postProcessor(tokens, around), decoder },
    model: {
      ...{ type: 'BPE', dropout: null, continuing_subword_prefix: null, end_of_word_suffix: null, ...model },
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges,
    },
  };
}

/** What stands around a text, or each of a pair. */
function postProcessor(
  tokens: readonly string[],
  { bos, eos }: { readonly bos: number | undefined; readonly eos: number | undefined },
): object {
  const marks = (id: number | undefined, type_id: number) =>
    id === undefined ? [] : [{ SpecialToken: { id: tokens[id], type_id } }];
  const part = (id: 'A' | 'B', type_id: number) => [
    ...marks(bos, type_id),
    { Sequence: { id, type_id } },
    ...marks(eos, type_id),
  ];
  const special = [bos, eos].filter((id) => id !== undefined);
  return {
    type: 'TemplateProcessing',
    single: part('A', 0),
    pair: [...part('A', 0), ...part('B', 1)],
    special_tokens: Object.fromEntries(
      special.map((id) => [tokens[id], { id: tokens[id], ids: [id], tokens: [tokens[id]] }]),
    ),
  };
}

function settingsOf({ tokens, special }: Vocabulary, adds: { readonly bos: boolean; readonly eos: boolean }): object {
  const { ends: _, ...named } = special;
  return {
    ...{ add_bos_token: adds.bos, add_eos_token: adds.eos, clean_up_tokenization_spaces: false },
    ...Object.fromEntries(
      Object.entries(named as Record<string, number>).map(([name, id]) => [`${name}_token`, tokens[id]]),
    ),
    tokenizer_class: 'PreTrainedTokenizerFast',
  };
}
