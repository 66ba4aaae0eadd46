import type { Metadata } from './metadata.ts';

/** What kind of token one is, by llama.cpp's numbers. */
const kinds = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const;

/** The tokens of a file, with what it says of them. */
export interface Vocabulary {
  /** The text of every token, by its number. */
  readonly tokens: readonly string[];
  /** The logarithm of each token's probability, or how late it was learned; undefined if the file has none. */
  readonly scores: readonly number[] | undefined;
  /** Pairs of parts that are joined, most urgent first; undefined if the file has none. */
  readonly merges: readonly (readonly [string, string])[] | undefined;
  /** The number of each special token that the file names. */
  readonly special: SpecialTokens;
  /** Tokens that are found in a text before it is split. */
  readonly added: readonly { readonly id: number; readonly special: boolean }[];
}

/** The numbers of special tokens, by their names in transformers. */
export interface SpecialTokens {
  readonly bos?: number;
  readonly eos?: number;
  readonly unk?: number;
  readonly pad?: number;
  readonly sep?: number;
  readonly cls?: number;
  readonly mask?: number;
  /** All that end a text or a turn. */
  readonly ends: readonly number[];
}

const key = (name: string) => `tokenizer.ggml.${name}`;

/**
 * The vocabulary of a file, checked: as many tokens as the embedding matrix has rows, none twice, lists of one length, numbers of tokens
 * that are there. Throws a LambdamaxError that names the field.
 */
export function vocabularyOf(metadata: Metadata, rows: number, defaults: Omit<SpecialTokens, 'ends'>): Vocabulary {
  const tokens = metadata.required(key('tokens'), metadata.texts);
  if (tokens.length !== rows)
    throw metadata.fault(key('tokens'), `${rows} tokens, one for each row of token_embd.weight`, `${tokens.length}`);
  const ids = new Map(tokens.map((token, id) => [token, id]));
  if (ids.size < tokens.length) {
    const id = tokens.findIndex((token, index) => ids.get(token) !== index);
    throw metadata.fault(
      key('tokens'),
      'no token twice',
      `${JSON.stringify(tokens[id])} as ${id} and ${ids.get(tokens[id]!)}`,
    );
  }
  const scores = ofLength(metadata, 'scores', tokens.length);
  const types = ofLength(metadata, 'token_type', tokens.length);
  const special = specialTokens(metadata, tokens, types, defaults);
  return { tokens, scores, merges: mergesOf(metadata, ids), special, added: addedTokens(types, special) };
}

function ofLength(metadata: Metadata, name: string, length: number): readonly number[] | undefined {
  const values = metadata.numbers(key(name));
  if (values === undefined || values.length === length) return values;
  throw metadata.fault(key(name), `${length} numbers, one for each token`, `${values.length}`);
}

function mergesOf(metadata: Metadata, ids: ReadonlyMap<string, number>): Vocabulary['merges'] {
  return metadata.texts(key('merges'))?.map((merge) => {
    // A part may begin with a space, where vocabularies write spaces as they are.
    const at = merge.indexOf(' ', 1);
    const [left, right] = [merge.slice(0, at), merge.slice(at + 1)];
    if (at > 0 && [left, right, left + right].every((part) => ids.has(part))) return [left, right];
    throw metadata.fault(key('merges'), 'two tokens that make a third', JSON.stringify(merge));
  });
}

function specialTokens(
  metadata: Metadata,
  tokens: readonly string[],
  types: readonly number[] | undefined,
  defaults: Omit<SpecialTokens, 'ends'>,
): SpecialTokens {
  const id = (...names: readonly string[]): number | undefined => {
    const [found] = names
      .map((name) => metadata.count(key(`${name}_token_id`), 0, tokens.length - 1))
      .filter((one) => one !== undefined);
    return found;
  };
  const [bos, eos] = [id('bos') ?? defaults.bos, id('eos') ?? defaults.eos];
  const [unk, pad] = [id('unknown') ?? defaults.unk, id('padding')];
  // The first is how old files spell it.
  const [sep, cls, mask] = [id('seperator', 'separator'), id('cls'), id('mask')];
  const turn = id('eot') ?? turnEnd(tokens, types);
  const ends = [...new Set([eos, turn, id('eom')])].filter((one) => one !== undefined);
  const named = Object.entries({ bos, eos, unk, pad, sep, cls, mask }).filter(([, one]) => one !== undefined);
  return { ...Object.fromEntries(named), ends };
}

/** What ends a turn in the templates of well-known models, where a file of an older llama.cpp does not say. */
const turnEnds = ['<|eot_id|>', '<|im_end|>', '<|end|>', '<end_of_turn>'];

function turnEnd(tokens: readonly string[], types: readonly number[] | undefined): number | undefined {
  const id = tokens.findIndex(
    (token, index) =>
      turnEnds.includes(token) && (types?.[index] === kinds.control || types?.[index] === kinds.userDefined),
  );
  return id < 0 ? undefined : id;
}

function addedTokens(types: readonly number[] | undefined, special: SpecialTokens): Vocabulary['added'] {
  const { ends, ...named } = special;
  const specialIds = new Set([...Object.values(named as Record<string, number>), ...ends]);
  const isSpecial = (id: number) =>
    specialIds.has(id) || types?.[id] === kinds.control || types?.[id] === kinds.unknown;
  const ids = new Set([...specialIds, ...(types ?? []).keys()]);
  return [...ids]
    .filter((id) => isSpecial(id) || types?.[id] === kinds.userDefined)
    .sort((a, b) => a - b)
    .map((id) => ({ id, special: isSpecial(id) }));
}
