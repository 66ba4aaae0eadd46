import { LambdamaxError } from '../../../errors.ts';

/** A token as its characters or bytes stand for a part of a text. */
export interface TokenPiece {
  /** The token as it stands in the vocabulary. */
  readonly token: string;
  /** UTF-8 of what it stands for; empty for one that stands for whatever is unknown. */
  readonly bytes: Uint8Array;
  /** Whether it stands for whatever the vocabulary does not know. */
  readonly isUnknown: boolean;
}

const space = 0x20;

/**
 * Where each token begins in a text: for every UTF-16 unit of it the first token that stands for it, or for white space that the
 * tokenizer drops the next one; one entry more for the end. Throws a LambdamaxError that names the text (`subject`) for tokens
 * that do not spell it, as where a tokenizer writes letters in another form.
 */
export function alignTokens(text: string, pieces: readonly TokenPiece[], subject: string): Int32Array {
  const bytes = new TextEncoder().encode(text);
  const owner = new Int32Array(bytes.length).fill(-1);
  let at = 0;
  for (const [index, { bytes: piece, isUnknown, token }] of pieces.entries()) {
    if (isUnknown) {
      const next = pieces[index + 1];
      const end = next === undefined || next.isUnknown ? characterEnd(bytes, at) : find(bytes, next.bytes, at + 1);
      while (at < end) owner[at++] = index;
      continue;
    }
    // A tokenizer may put a space before a text, and drop or join some of those in it.
    const forms = [piece, piece[0] === space ? piece.subarray(1) : piece];
    let spelled = forms.find((form) => startsAt(bytes, form, at));
    if (spelled === undefined) {
      at = skipSpace(bytes, at);
      spelled = forms.find((form) => startsAt(bytes, form, at));
    }
    if (spelled === undefined) {
      const got = `${JSON.stringify(token)} at ${JSON.stringify(new TextDecoder().decode(bytes.subarray(at, at + 20)))}`;
      throw new LambdamaxError({ subject, expected: 'a tokenizer whose tokens spell the text', got });
    }
    // The first of several that stand for one character owns it; a space put before it is taken for its own.
    if (spelled.length === 0 && at < bytes.length && owner[at]! < 0) owner[at] = index;
    for (let offset = 0; offset < spelled.length; offset++) if (owner[at + offset]! < 0) owner[at + offset] = index;
    at += spelled.length;
  }
  return ownersOfUnits(text, owner, pieces.length);
}

function ownersOfUnits(text: string, owner: Int32Array, tokens: number): Int32Array {
  const units = new Int32Array(text.length + 1).fill(tokens);
  let byte = owner.length;
  let next = tokens;
  const characters = [...text];
  let unit = text.length;
  for (const character of characters.reverse()) {
    byte -= Buffer.byteLength(character);
    unit -= character.length;
    if (owner[byte]! >= 0) next = owner[byte]!;
    units.fill(next, unit, unit + character.length);
  }
  return units;
}

const startsAt = (bytes: Uint8Array, piece: Uint8Array, at: number): boolean =>
  at + piece.length <= bytes.length && piece.every((byte, index) => bytes[at + index] === byte);

/** Past white space of any kind. */
function skipSpace(bytes: Uint8Array, at: number): number {
  let end = at;
  for (let next = at; next < bytes.length; ) {
    next = characterEnd(bytes, next);
    if (!/^\s$/.test(new TextDecoder().decode(bytes.subarray(end, next)))) break;
    end = next;
  }
  return end;
}

function characterEnd(bytes: Uint8Array, at: number): number {
  let end = at + 1;
  while (end < bytes.length && (bytes[end]! & 0xc0) === 0x80) end++;
  return Math.min(end, bytes.length);
}

function find(bytes: Uint8Array, piece: Uint8Array, from: number): number {
  for (let at = from; at < bytes.length; at++) if (startsAt(bytes, piece, at)) return at;
  return bytes.length;
}
