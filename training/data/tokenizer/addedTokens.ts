import { LambdamaxError } from '../../../errors.ts';

/** A token that is split off from every text, as tokenizer.json and tokenizer_config.json have it. */
export interface AddedToken {
  readonly id: number;
  readonly content: string;
  readonly special?: boolean;
  /** Whether it is looked for in normalised text; default: where it is not special. */
  readonly normalized?: boolean;
  readonly single_word?: boolean;
}

/** The content of a JSON file, or a part of it. */
type Fields = Readonly<Record<string, unknown>>;

const namedTokens = ['bos', 'eos', 'unk', 'sep', 'pad', 'cls', 'mask'].map((name) => `${name}_token`);

/** Further special tokens, as a list or by names of their own. */
const moreTokens = ['additional_special_tokens', 'extra_special_tokens'];

/** A token that a file beside tokenizer.json asks to be split off. */
interface AskedToken extends Omit<AddedToken, 'id'> {
  /** The file's name. */
  readonly from: string;
}

/**
 * The tokens that transformers splits off from every text: those of tokenizer.json (`definition`), with the flags that
 * `added_tokens_decoder` of tokenizer_config.json (`settings`) gives them, further ones of that list or of added_tokens.json
 * (`legacy`, read where there is no such list), and the special tokens that `settings` names. `absent` are those that have no
 * id in tokenizer.json: transformers gives them ids of its own. Throws a LambdamaxError that names `file`, the tokenizer.json,
 * for a token of which it is not known how it is split off.
 */
export function addedTokens(
  definition: Fields,
  settings: Fields,
  legacy: Fields,
  file: string,
): { readonly added: readonly AddedToken[]; readonly absent: readonly AskedToken[] } {
  const given = Array.isArray(definition.added_tokens) ? (definition.added_tokens as AddedToken[]) : [];
  const vocabulary = (definition.model as { readonly vocab?: unknown } | null)?.vocab;
  const ids = new Map(given.map((token) => [token?.content, token?.id]));
  const named = namedIn(settings);
  const listed = listedIn(settings) ?? legacyIn(legacy, named, ids);
  const tokens = new Map<string, AddedToken>();
  const absent: AskedToken[] = [];
  const known = new Set([...ids.keys(), ...listed.map(({ content }) => content)]);
  for (const asked of [...listed, ...named.filter(({ content }) => !known.has(content))]) {
    const id = ids.get(asked.content) ?? idOf(vocabulary, asked.content);
    if (id === undefined) absent.push(asked);
    else tokens.set(asked.content, { ...without(asked), id });
  }
  const added = [...given.filter((token) => !tokens.has(token?.content)), ...tokens.values()];
  const single = added.find((token) => token?.single_word === true);
  if (single !== undefined) {
    const subject = `token ${single.content} in ${file}`;
    throw new LambdamaxError({ subject, expected: 'single_word false', got: true });
  }
  // What a normalised text contains is not seen in the text itself.
  const normalized = absent.find((token) => token.normalized && (definition.normalizer ?? null) !== null);
  if (normalized !== undefined) throw absentToken(normalized, file);
  return { added, absent };
}

/** Throws a LambdamaxError if a text contains a token that has no id in `file`, the tokenizer.json. */
export function refuseAbsent(text: string, absent: readonly AskedToken[], file: string): void {
  const found = absent.find(({ content }) => content !== '' && text.includes(content));
  if (found !== undefined) throw absentToken(found, file);
}

function absentToken({ content, from }: AskedToken, file: string): LambdamaxError {
  return new LambdamaxError({
    subject: `token ${content} of ${from}`,
    expected: `an id in ${file}`,
    got: 'none, and transformers would give it a new one',
    remedy: 'load the tokenizer with transformers and save it again, and make sure that the model has a row for it',
  });
}

function without({ from: _, ...token }: AskedToken): Omit<AddedToken, 'id'> {
  return token;
}

const plain = { lstrip: false, rstrip: false, single_word: false };

function namedIn(settings: Fields): AskedToken[] {
  const more = moreTokens.flatMap((name) => Object.values((settings[name] ?? {}) as object));
  const special = { special: true, from: 'tokenizer_config.json or special_tokens_map.json' };
  return [...namedTokens.map((name) => settings[name]), ...more].flatMap((token: unknown): AskedToken[] => {
    const flags = typeof token === 'object' && token !== null ? (token as Fields) : {};
    const content = flags.content ?? token;
    return typeof content === 'string' ? [{ ...plain, normalized: false, ...flags, ...special, content }] : [];
  });
}

/** The tokens of `added_tokens_decoder`; undefined without that list. */
function listedIn(settings: Fields): AskedToken[] | undefined {
  const list = settings.added_tokens_decoder;
  if (list === undefined) return undefined;
  return Object.entries((list ?? {}) as Fields).map(([id, token]): AskedToken => {
    const flags = (token ?? {}) as Fields;
    const { content, special = false, normalized = special !== true } = flags;
    const from = 'tokenizer_config.json';
    if (typeof content === 'string')
      return { ...plain, ...flags, content, special: special === true, normalized: normalized === true, from };
    throw new LambdamaxError({
      subject: `added_tokens_decoder ${id} in ${from}`,
      expected: 'a token with content',
      got: token,
    });
  });
}

function legacyIn(legacy: Fields, named: readonly AskedToken[], ids: ReadonlyMap<string, number>): AskedToken[] {
  const specials = new Set(named.map(({ content }) => content));
  return Object.keys(legacy)
    .filter((content) => !ids.has(content))
    .map((content) => {
      const special = specials.has(content);
      return { ...plain, content, special, normalized: !special, from: 'added_tokens.json' };
    });
}

function idOf(vocabulary: unknown, token: string): number | undefined {
  if (Array.isArray(vocabulary)) {
    const index = vocabulary.findIndex((entry) => Array.isArray(entry) && entry[0] === token);
    return index < 0 ? undefined : index;
  }
  if (typeof vocabulary !== 'object' || vocabulary === null || !Object.hasOwn(vocabulary, token)) return undefined;
  const id = (vocabulary as Fields)[token];
  return typeof id === 'number' ? id : undefined;
}
