import { LambdamaxError } from '../../../errors.ts';
import { type AddedToken, addedTokens } from './addedTokens.ts';
import type { TokenPiece } from './alignment.ts';
import { digit, digits, gpt2Words, qwen2Words } from './words.ts';

/** The content of a tokenizer.json, or a part of it. */
type Definition = Readonly<Record<string, unknown>>;

/** What a class of transformers builds anew around the vocabulary of a tokenizer.json, whatever else stands in the file. */
interface TokenizerClass {
  readonly normalizer: unknown;
  readonly pre_tokenizer: unknown;
  readonly post_processor?: unknown;
  readonly model: Definition;
}

const sentencePiece: Definition = { fuse_unk: true, byte_fallback: true };
const byteLevel = (settings: Definition, use_regex: boolean) => ({
  ...{ type: 'ByteLevel', add_prefix_space: settings.add_prefix_space === true, trim_offsets: true, use_regex },
});

/**
 * Classes of transformers 5.18 with a tokenizer of their own.
 * @see https://github.com/huggingface/transformers, `tokenization_*.py` of these models
 */
const tokenizerClasses: Readonly<Record<string, (settings: Definition) => TokenizerClass>> = {
  LlamaTokenizer: (settings) => ({
    normalizer: null,
    pre_tokenizer: {
      ...{ type: 'Metaspace', replacement: '▁', split: false },
      prepend_scheme: settings.add_prefix_space === false ? 'never' : settings.legacy === true ? 'always' : 'first',
    },
    model: sentencePiece,
  }),
  CodeLlamaTokenizer: (settings) => ({
    normalizer: null,
    pre_tokenizer: {
      ...{ type: 'Metaspace', replacement: '▁', split: false },
      prepend_scheme: settings.add_prefix_space === false ? 'never' : 'first',
    },
    model: sentencePiece,
  }),
  GemmaTokenizer: () => ({
    normalizer: { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
    pre_tokenizer: { type: 'Split', pattern: { String: ' ' }, behavior: 'MergedWithPrevious', invert: false },
    model: sentencePiece,
  }),
  Qwen2Tokenizer: (settings) => ({
    normalizer: { type: 'NFC' },
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        { type: 'Split', pattern: { Regex: qwen2Words }, behavior: 'Isolated', invert: false },
        byteLevel(settings, false),
      ],
    },
    model: { fuse_unk: false, byte_fallback: false, ignore_merges: false },
  }),
  GPTNeoXTokenizer: (settings) => ({
    ...{ normalizer: { type: 'NFC' }, pre_tokenizer: byteLevel(settings, true) },
    // Nothing around a text, unless it is asked for.
    ...(settings.add_bos_token !== true && settings.add_eos_token !== true && { post_processor: null }),
    model: { fuse_unk: false, byte_fallback: false, ignore_merges: false },
  }),
  GPT2Tokenizer: (settings) => ({
    ...{ normalizer: null, pre_tokenizer: byteLevel(settings, true) },
    model: { fuse_unk: false, byte_fallback: false, ignore_merges: false },
  }),
};

/** The other classes of transformers 5.18 that build their own steps, without `Tokenizer`. What they do is not known here. */
const otherClasses: ReadonlySet<string> = new Set(
  [
    'Albert Barthez Bert BigBird Blenderbot CLIP Camembert CodeGen Cohere Deberta DebertaV2 Esmc Funnel Herbert Lasr',
    'LayoutLMv2 LayoutLMv3 LayoutXLM Luke MBart MBart50 MLuke MPNet Nllb Nougat OpenAIGPT Pegasus Qwen3_5 Reformer RemBert',
    'Roberta SeamlessM4T Siglip2 Splinter T5 Tipsv2 Udop VideoPrism Whisper XGLM XLMRoberta XLNet',
  ]
    .join(' ')
    .split(' ')
    .map((name) => `${name}Tokenizer`),
);

/** The file as the class that transformers takes reads it. Throws a LambdamaxError for a class whose steps are not known. */
function asClassReads(definition: Definition, settings: Definition, config: Definition, file: string): Definition {
  const { model_type: modelType } = config;
  const named = settings.tokenizer_class ?? config.tokenizer_class;
  const name = modelType === 'qwen2' ? 'Qwen2Tokenizer' : String(named ?? '').replace(/Fast$/, '');
  const model = (definition.model ?? {}) as Definition;
  const isKnown = Object.hasOwn(tokenizerClasses, name);
  if (modelType === 'mistral' || !(isKnown || otherClasses.has(name))) return definition;
  if (!isKnown || model.type !== 'BPE')
    throw new LambdamaxError({
      subject: `tokenizer_class beside ${file}`,
      expected: `a class that reads tokenizer.json as it stands, or ${Object.keys(tokenizerClasses).join(', ')} of type BPE`,
      got: `${name} of type ${String(model.type)}`,
      remedy:
        'transformers builds other steps for it; for those of tokenizer.json write PreTrainedTokenizerFast in a copy',
    });
  const built = tokenizerClasses[name]!(settings);
  return { ...definition, ...built, model: { ...model, ...built.model } };
}

/**
 * A tokenizer.json as the library must be given it to split as transformers does. Where tokenizer_config.json
 * (`settings`) names a class that builds its own steps around the vocabulary, those are taken (config.json, `config`, can
 * outdo it); a class whose steps are not known is refused. Metaspace's `split` and ways to split that the
 * library leaves out are put in other terms; added tokens are those of `addedTokens`, which throws for some (`legacy` is
 * added_tokens.json), and `absent` those without an id.
 */
export function transformersForm(
  written: Definition,
  settings: Definition,
  config: Definition,
  legacy: Definition,
  file: string,
): { readonly definition: Definition; readonly absent: ReturnType<typeof addedTokens>['absent'] } {
  const definition = asClassReads(written, settings, config, file);
  const { added, absent } = addedTokens(definition, settings, legacy, file);
  const pre_tokenizer = knownSplits(definition.pre_tokenizer, file);
  const isChanged = added.length > 0 || Array.isArray(definition.added_tokens);
  return { definition: { ...definition, ...(isChanged && { added_tokens: added }), pre_tokenizer }, absent };
}

/** A step of a pre-tokenizer in terms of what the library does. */
function knownSplits(step: unknown, file: string): unknown {
  const { type, pretokenizers, split, replacement = '▁', ...rest } = (step ?? {}) as Record<string, unknown>;
  if (type === 'Sequence' && Array.isArray(pretokenizers))
    return { ...(step as object), pretokenizers: pretokenizers.map((one) => knownSplits(one, file)) };
  if (type === 'Split') return knownSplit(step as SplitStep, file);
  // The library's own expressions for these two take JavaScript's digits and white space, which are others than Unicode's.
  if (type === 'Digits') return isolated(rest.individual_digits === true ? digit : digits);
  if (type === 'ByteLevel' && rest.use_regex !== false && rest.add_prefix_space === false)
    return { type: 'Sequence', pretokenizers: [isolated(gpt2Words), { type, ...rest, use_regex: false }] };
  if (type !== 'Metaspace' || split === false) return step;
  const splitting = { type, pattern: { String: String(replacement) }, behavior: 'MergedWithNext' };
  return { type: 'Sequence', pretokenizers: [step, knownSplit(splitting, file)] };
}

function isolated(pattern: string): SplitStep {
  return { type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false };
}

/** A step of a pre-tokenizer that splits by a pattern. */
export interface SplitStep {
  readonly type: string;
  readonly pattern?: { readonly String?: string; readonly Regex?: string };
  readonly behavior?: string;
  readonly invert?: boolean;
}

/**
 * A step in terms of what the library does: it knows two ways to split, by matches that are left out or stand alone; others are put
 * as a pattern of whole parts. Throws a LambdamaxError that names the file for a way that cannot be put so.
 */
export function knownSplit(step: SplitStep, file: string): SplitStep {
  const { pattern, behavior = '' } = step;
  const isolated = { ...step, type: 'Split', behavior: 'Isolated', invert: false };
  if (behavior === 'Removed') return step;
  if (behavior === 'Isolated') return isolated;
  if (pattern?.String !== undefined && step.invert !== true) {
    const literal = pattern.String.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
    const other = `(?:(?!${literal})[\\s\\S])`;
    const parts: Readonly<Record<string, string>> = {
      MergedWithNext: `${literal}${other}*|${other}+`,
      MergedWithPrevious: `${other}*${literal}|${other}+`,
      Contiguous: `(?:${literal})+|${other}+`,
    };
    if (parts[behavior] !== undefined) return { ...isolated, pattern: { Regex: parts[behavior] } };
  }
  const subject = `pre_tokenizer Split in ${file}`;
  throw new LambdamaxError({ subject, expected: 'the behavior Isolated or Removed beside a Regex', got: behavior });
}

/** Reads what a token of the vocabulary stands for: bytes, or text in which ▁ is a space. */
export function pieceReader(definition: Definition): (token: string) => TokenPiece {
  const added = new Set(((definition.added_tokens ?? []) as AddedToken[]).map(({ content }) => content));
  const isByteLevel = JSON.stringify(definition.decoder ?? null).includes('"ByteLevel"');
  const { unk_token: unknown, byte_fallback: fallsBack } = (definition.model ?? {}) as Record<string, unknown>;
  const { unk_id: unknownId, vocab } = (definition.model ?? {}) as Record<string, unknown>;
  const unknownToken =
    unknown ?? (Array.isArray(vocab) && typeof unknownId === 'number' ? vocab[unknownId]?.[0] : null);
  const encoder = new TextEncoder();
  return (token) => {
    const byte = fallsBack === true ? /^<0x([0-9A-F]{2})>$/.exec(token)?.[1] : undefined;
    const bytes =
      byte !== undefined
        ? Uint8Array.of(Number.parseInt(byte, 16))
        : isByteLevel && !added.has(token)
          ? Uint8Array.from([...token].map((character) => byteOf.get(character) ?? 0))
          : encoder.encode(added.has(token) ? token : token.replaceAll('▁', ' '));
    return { token, bytes, isUnknown: token === unknownToken };
  };
}

/** The byte that each character of a byte-level vocabulary stands for. */
const byteOf: ReadonlyMap<string, number> = new Map(byteCharacters().map((character, byte) => [character, byte]));

/** The character that stands for each byte 0..255 in a byte-level vocabulary. */
export function byteCharacters(): string[] {
  // Bytes that print stand for themselves; the others, in order, for the characters from 256 on (GPT-2's table).
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => {
    const prints = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
    return String.fromCharCode(prints ? byte : next++);
  });
}
