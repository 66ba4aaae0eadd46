import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { randomStream } from 'lambdamax/compute';
import { createAdapter, loadModel, loadRows, saveAdapter, type TokenRow } from 'lambdamax/training';
import { LambdamaxError } from '../../errors.ts';
import { batchOf } from '../problem.ts';

// A setting is a folder that says all that a subject needs to compute the same numbers with a given checkpoint:
//
//     setting.json       a SettingFile: token ids, so that nobody's tokenizer is measured
//     adapter/           LoRA in PEFT's form on all linear layers, A and B both nonzero
//     direction.f32      the vector that the Hessian is multiplied with, in the order of the file's parameters

/** Rank of LoRA; alpha is twice as much. */
const rank = 8;

/** How far B is from zero: what it adds to a layer's output is a few per cent of it, as after a short training. */
const deviation = 0.01;

/** Which rows are measured. */
export interface SettingOptions {
  /** The checkpoint's folder. */
  readonly model: string;
  /** The file with rows; what is not tokenised goes through the model's chat template. */
  readonly data: string;
  /** Rows a batch. */
  readonly rows: number;
  /** Batches that training goes through; the first of them is what the Hessian is taken of. */
  readonly batches: number;
  /** Tokens a row; the rest is cut. */
  readonly maxLength: number;
  /** Scored tokens that lambda_max is taken of. */
  readonly tokens: number;
  /** Prompts that are continued, */
  readonly prompts: number;
  /** by so many tokens. */
  readonly newTokens: number;
}

/** One row, as the file has it. Labels are -100 where a token is not scored. */
export interface SettingRow {
  readonly inputIds: readonly number[];
  readonly labels: readonly number[];
}

/** What setting.json says. */
export interface SettingFile {
  readonly batchSize: number;
  /** What is trained on, whole batches. */
  readonly rows: readonly SettingRow[];
  /** What lambda_max is searched on: exactly as many scored tokens as were asked for. */
  readonly searched: readonly SettingRow[];
  readonly prompts: readonly (readonly number[])[];
  readonly newTokens: number;
  /** The adapter's tensors in the order of the direction. */
  readonly parameters: readonly { readonly name: string; readonly shape: readonly number[] }[];
}

/** Writes a setting. Throws a LambdamaxError if the data has too few rows or scored tokens. */
export async function writeSetting(folder: string, options: SettingOptions): Promise<SettingFile> {
  const { data, rows: batchSize, batches, maxLength, tokens, newTokens } = options;
  await mkdir(folder, { recursive: true });
  await using model = await loadModel(options.model);
  const limit = Math.max(batches * batchSize, options.prompts, tokens);
  const { rows } = await loadRows(model, [data], { maxLength, template: 'chat', limit });
  requireEnough(`rows of ${data}`, rows.length, batches * batchSize);

  const adapter = await createAdapter(model, { method: 'lora', rank, alpha: 2 * rank });
  const { parameters, size } = model.program(adapter.layout, batchOf(new Int32Array(9), { rows: 1, length: 8 }));
  let start = 0;
  const values = randomStream(0, 'adapter of bench real');
  for (const { name, shape } of parameters) {
    const end = start + shape.reduce((product, extent) => product * extent, 1);
    if (name.endsWith('lora_B.weight'))
      for (let index = start; index < end; index++) adapter.parameters[index] = deviation * values.normal();
    start = end;
  }
  await saveAdapter(model, adapter, join(folder, 'adapter'));
  const direction = randomStream(0, 'direction of bench real');
  const entries = Float32Array.from({ length: size }, () => direction.normal());
  await writeFile(join(folder, 'direction.f32'), entries);

  const setting: SettingFile = {
    batchSize,
    rows: rows.slice(0, batches * batchSize).map(plain),
    searched: firstScored(rows.map(plain), tokens, data),
    prompts: rows.slice(0, options.prompts).map(promptOf),
    newTokens,
    parameters,
  };
  await writeFile(join(folder, 'setting.json'), JSON.stringify(setting));
  return setting;
}

/** A setting's file. */
export async function readSetting(folder: string): Promise<SettingFile> {
  return JSON.parse(await readFile(join(folder, 'setting.json'), 'utf8'));
}

/** Rows as the library takes them. */
export function tokenRows(rows: readonly SettingRow[]): TokenRow[] {
  return rows.map(({ inputIds, labels }) => ({
    inputIds: Int32Array.from(inputIds),
    labels: Int32Array.from(labels),
  }));
}

/** Tokens of rows, padding not counted, and how many of them are scored. */
export function tokensOf(rows: readonly SettingRow[]): { readonly tokens: number; readonly scored: number } {
  return {
    tokens: rows.reduce((sum, { inputIds }) => sum + inputIds.length, 0),
    scored: rows.reduce((sum, row) => sum + scoredIn(row), 0),
  };
}

/** The first token predicts nothing before it: its label is never scored. */
function scoredIn({ labels }: SettingRow): number {
  return labels.filter((label, index) => index > 0 && label >= 0).length;
}

function plain({ inputIds, labels }: TokenRow): SettingRow {
  return { inputIds: [...inputIds], labels: [...labels] };
}

/** What stands before the first scored token; at least one token. */
function promptOf({ inputIds, labels }: TokenRow): number[] {
  const response = labels.findIndex((label, index) => index > 0 && label >= 0);
  return [...inputIds.slice(0, Math.max(1, response))];
}

/** Rows from the first on with so many scored tokens; the last is cut behind the last of them. */
function firstScored(rows: readonly SettingRow[], wanted: number, data: string): SettingRow[] {
  const taken: SettingRow[] = [];
  let left = wanted;
  for (const row of rows) {
    if (left === 0) break;
    const places = row.labels.flatMap((label, index) => (index > 0 && label >= 0 ? [index] : []));
    const end = places.length > left ? places[left - 1]! + 1 : row.labels.length;
    taken.push({ inputIds: row.inputIds.slice(0, end), labels: row.labels.slice(0, end) });
    left -= Math.min(left, places.length);
  }
  requireEnough(`scored tokens of ${data}`, wanted - left, wanted);
  return taken;
}

function requireEnough(subject: string, got: number, wanted: number): void {
  if (got >= wanted) return;
  throw new LambdamaxError({ subject, expected: `${wanted} at least`, got });
}
