import { basename } from 'node:path';
import { adapterMethods } from '../../training/adapters/index.ts';
import { axes, axisNames } from './axes.ts';
import { type Configuration, optimizerMethods } from './configuration.ts';

/** One setting of a configuration besides its method. */
export interface Setting {
  /** The name of its column in a table: `batch_size`. */
  readonly name: string;
  /** Empty where the configuration has no choice in it. */
  readonly value: string;
  /** In a configuration's name: `batch 16`. */
  readonly words: string;
}

/** What is compared: a configuration, and what else is known to tell it from those of other studies. */
export interface Named {
  readonly configuration: Configuration;
  readonly others?: readonly Setting[];
}

/** A name, and the settings that differ among all that were named together. */
export interface ConfigurationName {
  readonly name: string;
  /** What its method is called: a user's own file by its name, without folder and ending. */
  readonly method: string;
  readonly settings: Readonly<Record<string, string>>;
}

/** Settings that are left out of names where another one tells them. */
const followers: Readonly<Record<string, string>> = { alpha: 'rank', warmup_steps: 'steps' };

/** What configurations are called when they stand together: the method and what varies, `pissa, rank 32, batch 16`. */
export function namesOf(all: readonly Named[]): ConfigurationName[] {
  const settings = all.map(({ configuration, others = [] }) => [...others, ...settingsOf(configuration)]);
  const names = [...new Set(settings.flatMap((own) => own.map(({ name }) => name)))];
  const valueIn = (own: readonly Setting[], name: string): string =>
    own.find((setting) => setting.name === name)?.value ?? '';
  const varying = names.filter((name) => new Set(settings.map((own) => valueIn(own, name)).filter(isGiven)).size > 1);
  const isTold = (name: string): boolean => {
    const leader = followers[name];
    if (leader === undefined || !varying.includes(leader)) return false;
    const pairs = new Set(settings.map((own) => JSON.stringify([valueIn(own, leader), valueIn(own, name)])));
    return pairs.size === new Set(settings.map((own) => valueIn(own, leader))).size;
  };
  const shown = varying.filter((name) => !isTold(name));
  const labels = methodLabels(all.map(({ configuration }) => configuration.method));
  return all.map(({ configuration }, index) => {
    const own = settings[index]!;
    const method = labels.get(configuration.method)!;
    const words = own.flatMap((setting) =>
      shown.includes(setting.name) && isGiven(setting.value) ? [setting.words] : [],
    );
    return {
      name: [method, ...words].join(', '),
      method,
      settings: Object.fromEntries(varying.map((name) => [name, valueIn(own, name)])),
    };
  });
}

/**
 * What methods are called that stand together: a user's own file by its name without folder and ending, as long as no other method of
 * theirs or of ours has it too.
 */
export function methodLabels(methods: readonly string[]): Map<string, string> {
  const each = [...new Set(methods)];
  const short = each.map((method) => basename(method.replace(/\.[cm]?[jt]s$/, '')));
  const ours = new Set(adapterMethods.map(({ name }) => name));
  const isTaken = (label: string, method: string): boolean =>
    short.filter((other) => other === label).length > 1 || (ours.has(label) && label !== method);
  return new Map(each.map((method, i) => [method, isTaken(short[i]!, method) ? method : short[i]!]));
}

/** What the configurations of one study are called. */
export function configurationNames(configurations: readonly Configuration[]): string[] {
  return namesOf(configurations.map((configuration) => ({ configuration }))).map(({ name }) => name);
}

/** The name of a setting as a column of a table: `batchSize` as `batch_size`. */
export function columnName(setting: string): string {
  return setting.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** All settings of a configuration besides its method: first those that a study can vary. */
export function settingsOf({
  method,
  optimizer: own,
  rankPattern,
  alphaPattern,
  ...configuration
}: Configuration): Setting[] {
  const { name: optimizer, ...optimizerSettings } = own;
  // A method that is an optimizer has no choice of another.
  const isOwn = optimizerMethods.includes(method);
  const values = { ...configuration, optimizer: isOwn ? '' : optimizer } as Readonly<Record<string, unknown>>;
  const varied = axisNames.filter((name) => name !== 'method');
  // Its settings are its own too: they tell two studies of it apart, and nothing from other methods.
  const prefix = isOwn ? `${method} ` : '';
  const others = Object.entries({
    ...Object.fromEntries(Object.entries(configuration).filter(([name]) => !(name in axes))),
    ...Object.fromEntries(Object.entries(optimizerSettings).map(([name, value]) => [`${prefix}${name}`, value])),
    ...{ rankPattern, alphaPattern },
  });
  return [
    ...varied.map((name) => {
      const value = values[name];
      return {
        name: columnName(name),
        value: String(value),
        words: (axes[name].words as (value: unknown) => string)(value),
      };
    }),
    ...others.map(([name, value]) => {
      const text = value == null ? 'none' : typeof value === 'object' ? JSON.stringify(value) : String(value);
      return { name: columnName(name), value: text, words: `${columnName(name).replaceAll('_', ' ')} ${text}` };
    }),
  ];
}

function isGiven(value: string): boolean {
  return value !== '';
}
