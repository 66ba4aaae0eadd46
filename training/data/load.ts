import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { isTokenised, type TokenRow, type TokenRows, type TrainOn, toTokenRows } from './examples.ts';
import { type DataRow, readRows } from './files/rows.ts';
import type { PromptOptions } from './prompts.ts';
import type { TextTokenizer } from './tokenizer/tokenizer.ts';

/** What of a model decides how rows become its tokens; a `Model` has it all. */
export interface TokenReader {
  readonly checkpoint: { readonly directory: string };
  readonly config: { readonly vocabSize: number };
  readonly decoder: { readonly learnedPositions?: number; readonly addsTokenTypes?: boolean };
  tokenizer(): Promise<TextTokenizer>;
}

/** Which rows are read, and how they become tokens. */
export interface LoadRowsOptions extends PromptOptions {
  /** Tokens a row; the rest is cut. */
  readonly maxLength: number;
  /** Which of the assistant's turns of a conversation are scored; default `last`. */
  readonly trainOn?: TrainOn;
  /** Only the first so many rows, over all files. */
  readonly limit?: number;
}

/**
 * The token rows of data files for a model. The model's tokenizer is read only if some row is text, so that tokenised data
 * needs none. Throws a LambdamaxError that names the file and line, row or field that is wrong.
 */
export async function loadRows(
  model: TokenReader,
  files: readonly string[],
  options: LoadRowsOptions,
): Promise<TokenRows> {
  const { limit = Number.POSITIVE_INFINITY, ...reading } = options;
  const loaded: TokenRow[] = [];
  const numbers: number[] = [];
  const unused = new Set<string>();
  let [read, dropped, cut, parted] = [0, 0, 0, 0];
  for (const file of files) {
    if (read > 0 && read >= limit) break;
    const placed = await readRows(file, { limit: limit - read });
    const rows = placed.map(({ row }) => row);
    const tokens = toTokenRows(rows, {
      ...reading,
      source: file,
      lines: placed.map(({ line }) => line),
      ...rowLimits(model),
      ...(await tokenizerFor(rows, model)),
    });
    for (const row of tokens.rows) loaded.push(row);
    for (const number of tokens.numbers) numbers.push(read + number);
    read += rows.length;
    dropped += tokens.dropped;
    cut += tokens.cut;
    parted += tokens.parted;
    for (const field of tokens.unused) unused.add(field);
  }
  return { rows: loaded, numbers, dropped, cut, parted, unused: [...unused] };
}

/** What a model can be given. */
function rowLimits({ config, decoder }: TokenReader) {
  const { learnedPositions, addsTokenTypes = false } = decoder;
  return {
    vocabSize: config.vocabSize,
    addsTokenTypes,
    ...(learnedPositions === undefined ? {} : { learnedPositions }),
  };
}

async function tokenizerFor(rows: readonly DataRow[], model: TokenReader) {
  const isThere = existsSync(join(model.checkpoint.directory, 'tokenizer.json'));
  // Without one the row that needs it is named.
  return rows.every(isTokenised) || !isThere ? {} : { tokenizer: await model.tokenizer() };
}
