import { LambdamaxError } from '../../errors.ts';
import type { DataRow } from './files/rows.ts';
import { readIntegers } from './integers.ts';

/** Where the tokens of a row stand in the sequences that it is packed of. Arrays of one entry a token. */
export interface RowSequences {
  /** How many tokens of its own sequence stand before each token; absent if the row is one sequence. */
  readonly places?: Int32Array;
  /** The position that each token has to the model, 0 being a sequence's first; absent if that is its place. */
  readonly positions?: Int32Array;
}

/** What is read of a row besides its sequences. */
export interface RowTokens {
  readonly labels: Int32Array;
  readonly attentionMask?: Uint8Array;
}

const sameSequences = 'the same sequences as position_ids and seq_lengths';

/**
 * The sequences of a tokenised row, as transformers tells them by its `position_ids`: without an `attention_mask` a new one
 * begins wherever a position is not the one before it plus 1. TRL's `seq_lengths` say the same, as do the `seq_idx` and
 * `cu_seq_lens` of flash attention, which are only compared. With a mask the tokens that may be attended to are one
 * sequence. Throws a LambdamaxError that names the field for anything else.
 */
export function readSequences(row: DataRow, { labels, attentionMask }: RowTokens, subject: string): RowSequences {
  const length = labels.length;
  const positions = isGiven(row, 'position_ids')
    ? readIntegers(row, 'position_ids', subject, { length, lowest: 0 })
    : undefined;
  const lengths = isGiven(row, 'seq_lengths')
    ? readIntegers(row, 'seq_lengths', subject, { lowest: 1, sum: length })
    : undefined;
  const starts = lengths === undefined ? undefined : startsOf(lengths);
  const found = positions === undefined ? starts : restarts(positions);
  if (starts !== undefined && found !== starts) requireSame('seq_lengths', starts, found!, subject);
  requireAgreement(row, found ?? [0], length, subject);
  if (attentionMask !== undefined && positions !== undefined) {
    requireOneSequence(positions, labels, attentionMask, subject);
    return { positions };
  }
  if (attentionMask?.includes(0) && found !== undefined && found.length > 1) {
    const remedy = 'leave attention_mask out, and set the labels of padding to -100';
    throw new LambdamaxError({
      subject: `attention_mask of ${subject}`,
      expected: 'no zeros beside seq_lengths',
      got: 'some',
      remedy,
    });
  }
  if (found === undefined) return {};
  const places = placesOf(found, length);
  return positions === undefined ? { places } : { places, positions };
}

/** The first `length` places and positions of a row, without those that say no more than that it is one sequence. */
export function firstSequences({ places, positions }: RowSequences, length: number): RowSequences {
  const [shortPlaces, shortPositions] = [places?.slice(0, length), positions?.slice(0, length)];
  const isOne = shortPlaces === undefined || shortPlaces.every((place, index) => place === index);
  const isPlain =
    shortPositions === undefined ||
    shortPositions.every((position, index) => position === (isOne ? index : shortPlaces[index]));
  return { ...(isOne ? {} : { places: shortPlaces }), ...(isPlain ? {} : { positions: shortPositions }) };
}

/** Whether a row has a field. pandas writes null where other rows have it. */
export function isGiven(row: DataRow, field: string): boolean {
  return (row[field] ?? undefined) !== undefined;
}

function restarts(positions: Int32Array): number[] {
  return [...positions.keys()].filter((index) => index === 0 || positions[index] !== positions[index - 1]! + 1);
}

function startsOf(lengths: Int32Array): number[] {
  let next = 0;
  return Array.from(lengths, (length) => {
    const start = next;
    next += length;
    return start;
  });
}

function placesOf(starts: readonly number[], length: number): Int32Array {
  const places = new Int32Array(length);
  for (const [index, start] of starts.entries())
    for (let at = start; at < (starts[index + 1] ?? length); at++) places[at] = at - start;
  return places;
}

/** With a mask sequences of a row see one another in transformers, or not, as the kind of attention has it. */
function requireOneSequence(
  positions: Int32Array,
  labels: Int32Array,
  attentionMask: Uint8Array,
  subject: string,
): void {
  const counts = [...positions.keys()].filter((index) => attentionMask[index] === 1 || labels[index]! >= 0);
  const offset = (index: number): number => positions[index]! - index;
  const other = counts.find((index) => offset(index) !== offset(counts[0]!));
  if (other === undefined) return;
  throw new LambdamaxError({
    subject: `position_ids of ${subject}, position ${other}`,
    expected: 'positions that go up by one, token by token, beside an attention_mask',
    got: positions[other],
    remedy: 'leave attention_mask out where a row is several sequences',
  });
}

/** Refuses fields that tell other sequences. What they alone say, models without flash attention do not see. */
function requireAgreement(row: DataRow, starts: readonly number[], length: number, subject: string): void {
  if (isGiven(row, 'seq_idx')) {
    const indices = readIntegers(row, 'seq_idx', subject, { length, lowest: 0 });
    const changes = [...indices.keys()].filter((index) => index === 0 || indices[index] !== indices[index - 1]);
    requireSame('seq_idx', changes, starts, subject);
  }
  for (const field of ['cu_seq_lens_q', 'cu_seq_lens_k', 'cu_seqlens']) {
    if (!isGiven(row, field)) continue;
    const bounds = [...readIntegers(row, field, subject, { lowest: 0 })];
    requireSame(field, bounds, [...starts, length], subject);
  }
}

function requireSame(field: string, got: readonly number[], starts: readonly number[], subject: string): void {
  if (got.join() === starts.join()) return;
  throw new LambdamaxError({
    subject: `${field} of ${subject}`,
    expected: `${sameSequences} (${starts.join(', ')})`,
    got: got.join(', '),
    remedy: 'give position_ids that start again with each sequence, or leave this field out',
  });
}
