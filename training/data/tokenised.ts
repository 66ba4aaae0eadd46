import { LambdamaxError } from '../../errors.ts';
import type { DataRow } from './files/rows.ts';
import { readIntegers } from './integers.ts';
import { isGiven, readSequences } from './sequences.ts';
import { notScored, type TokenRow } from './tokenRow.ts';

/** Fields of a row that is tokens already. */
export const tokenFields: readonly string[] = [
  ...['input_ids', 'labels', 'attention_mask', 'completion_mask', 'assistant_masks', 'token_type_ids'],
  ...['position_ids', 'seq_lengths', 'seq_idx', 'cu_seq_lens_q', 'cu_seq_lens_k', 'cu_seqlens'],
];

/**
 * A row that is tokens already: scored by its `labels`, else where TRL's `completion_mask` and `assistant_masks` are one, else
 * whole; `attention_mask` and what {@link readSequences} reads are optional. With `addsTokenTypes` no token types are taken.
 * Throws a LambdamaxError that names field and row for what is malformed or not computed.
 */
export function readTokens(
  row: DataRow,
  subject: string,
  { addsTokenTypes = false }: { readonly addsTokenTypes?: boolean },
): TokenRow {
  refuseInputs(row, subject, addsTokenTypes);
  const inputIds = readIntegers(row, 'input_ids', subject, { lowest: 0 });
  const { length } = inputIds;
  const labels = isGiven(row, 'labels')
    ? readIntegers(row, 'labels', subject, { length, lowest: 0, or: notScored })
    : maskedLabels(inputIds, row, subject);
  const mask = isGiven(row, 'attention_mask')
    ? { attentionMask: Uint8Array.from(readIntegers(row, 'attention_mask', subject, { length, ...maskLimits })) }
    : {};
  const sequences = readSequences(row, { labels, ...mask }, subject);
  const { places } = sequences;
  // TRL scores no first token of the sequences that it packs.
  const scored =
    places !== undefined && isGiven(row, 'seq_lengths')
      ? labels.map((label, index) => (places[index] === 0 ? notScored : label))
      : labels;
  return { inputIds, labels: scored, ...mask, ...sequences };
}

/** Inputs of transformers' models that would change what is computed, and that are not computed here. */
const otherInputs = ['inputs_embeds', 'decoder_input_ids', 'pixel_values', 'shift_labels'];

function refuseInputs(row: DataRow, subject: string, addsTokenTypes: boolean): void {
  const refused = [...otherInputs, ...(addsTokenTypes ? ['token_type_ids'] : [])];
  const other = refused.find((field) => isGiven(row, field));
  if (other !== undefined) {
    const remedy = 'leave this field out, if it is not what the model is to be given';
    throw new LambdamaxError({ subject, expected: `no field ${other}, which is not computed`, got: 'one', remedy });
  }
  if (isGiven(row, 'token_type_ids')) readIntegers(row, 'token_type_ids', subject, { lowest: 0, highest: 0 });
}

const maskLimits = {
  lowest: 0,
  highest: 1,
  remedy: 'where it tells the sequences of a row apart, give position_ids that start again with each of them',
};

/** The tokens themselves, where all masks that a row has are one. */
function maskedLabels(inputIds: Int32Array, row: DataRow, subject: string): Int32Array {
  const given = ['completion_mask', 'assistant_masks'].filter((field) => isGiven(row, field));
  const limits = { length: inputIds.length, lowest: 0, highest: 1 };
  const masks = given.map((field) => readIntegers(row, field, subject, limits));
  return inputIds.map((id, index) => (masks.every((mask) => mask[index] === 1) ? id : notScored));
}
