import type { Model } from '../model.ts';
import { type TokenRows, toTokenRows } from './examples.ts';
import type { PromptOptions } from './prompts.ts';
import { readRows } from './rows.ts';

/** Which rows are read, and how they become tokens. */
export interface LoadRowsOptions extends PromptOptions {
  /** Tokens a row; the rest is cut. */
  readonly maxLength: number;
  /** Only the first so many rows. */
  readonly limit?: number;
}

/**
 * The token rows of data files for a model. The model's tokenizer is read only if some row is text, so that tokenised data
 * needs none. Throws a LambdamaxError that names the file and line, row or field that is wrong.
 */
export async function loadRows(model: Model, files: readonly string[], options: LoadRowsOptions): Promise<TokenRows> {
  const { limit, ...reading } = options;
  const rows = await readRows([...files], limit === undefined ? {} : { limit });
  const isTokenised = rows.every((row) => Object.hasOwn(row, 'input_ids') && Object.hasOwn(row, 'labels'));
  return toTokenRows(rows, {
    ...reading,
    vocabSize: model.config.vocabSize,
    ...(isTokenised ? {} : { tokenizer: await model.tokenizer() }),
  });
}
