import { plainName, settingLabel } from '../table/columnNames.ts';

/** The settings that differ among a sweep's configurations, by column; empty where a configuration has no choice in one. */
export type Settings = Readonly<Record<string, string>>;

/** The settings of which the best rate may be a power, in the order in which they are told. */
export const numericSettings = ['rank', 'alpha', 'batch', 'length'] as const;

export type NumericSetting = (typeof numericSettings)[number];

/** The names of their columns, as `plainName` makes them. */
const columnsOf: Readonly<Record<NumericSetting, readonly string[]>> = {
  rank: ['rank', 'r', 'lora r', 'lora rank'],
  alpha: ['alpha', 'lora alpha'],
  batch: [
    ...['batch size', 'batch', 'bs', 'train batch size', 'global batch size', 'effective batch size'],
    ...['per device train batch size', 'micro batch size'],
  ],
  length: [
    ...['steps', 'max steps', 'num steps', 'total steps', 'train steps', 'max train steps', 'num training steps'],
    ...['iterations', 'epochs', 'num epochs', 'num train epochs', 'max epochs', 'n epochs'],
  ],
};

/** Which of the numeric settings a column holds; null: none. */
export function numericSettingOf(column: string): NumericSetting | null {
  const name = plainName(column);
  return numericSettings.find((setting) => columnsOf[setting].includes(name)) ?? null;
}

/** What a setting is called in a name: `rank`, `batch`, `target modules`. */
export function settingWord(column: string): string {
  return plainName(column) === 'batch size' ? 'batch' : settingLabel(column);
}

/** What a setting is called in a sentence about it: as in a name, and the number of steps is the length of the run. */
export function settingTopic(column: string): string {
  return plainName(column) === 'steps' ? 'length' : settingWord(column);
}

/** The columns of several settings, in the order of their first appearance. */
export function columnsIn(all: readonly { readonly settings: Settings }[]): string[] {
  return [...new Set(all.flatMap(({ settings }) => Object.keys(settings)))];
}

/** The values that a column takes, without empty ones, ascending. */
export function valuesOf(column: string, all: readonly { readonly settings: Settings }[]): string[] {
  const values = new Set(all.map(({ settings }) => settings[column] ?? ''));
  return [...values].filter((value) => value !== '').sort(compareValues);
}

/** The lengths of the runs where they differ: the values of the column that holds the number of steps. */
export function stepsIn(all: readonly { readonly settings: Settings }[]): string[] {
  const column = columnsIn(all).find((name) => settingTopic(name) === 'length');
  return column === undefined ? [] : valuesOf(column, all);
}

/** Columns of settings between which scores cannot be compared, as `plainName` makes them. */
const tellingScores = [
  ...['model', 'base model', 'model name or path', 'task', 'data', 'dataset', 'data set'],
  ...['validation', 'score'],
];

/** Whether configurations differ in the model, in what is learned or in how that is scored, so that a score of one says nothing beside that of another. */
export function haveOtherScores(all: readonly { readonly settings: Settings }[]): boolean {
  return columnsIn(all).some((column) => tellingScores.includes(plainName(column)) && valuesOf(column, all).length > 1);
}

/** The order of two values of a setting: that of numbers where both are, else of the text. */
export function compareValues(a: string, b: string): number {
  const [x, y] = [Number(a), Number(b)];
  if (a !== '' && b !== '' && Number.isFinite(x) && Number.isFinite(y)) return x - y;
  return a < b ? -1 : a > b ? 1 : 0;
}
