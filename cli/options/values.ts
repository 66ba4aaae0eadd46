import type { Arguments } from '../command.ts';
import { UsageError } from './usageError.ts';

/** Makes a value of what was typed behind an option, which is named with its dashes: `--rank`. */
export type Parser<T> = (text: string, option: string) => T;

/** The value of an option, or undefined where it was not given. */
export function optional<T>(args: Arguments, name: string, parse: Parser<T>): T | undefined {
  const given = args[name];
  if (given === undefined) return undefined;
  const typed = String(given).trim();
  if (typed === '') throw new UsageError({ subject: `--${name}`, expected: 'a value', got: 'an empty one' });
  return parse(typed, `--${name}`);
}

/** The value of an option that must be given or have a default. */
export function required<T>(args: Arguments, name: string, parse: Parser<T>): T {
  const value = optional(args, name, parse);
  if (value === undefined) throw new UsageError({ subject: `--${name}`, expected: 'a value', got: 'none' });
  return value;
}

/** Refuses two options that say the same thing in different ways. */
export function atMostOne(args: Arguments, ...names: readonly string[]): void {
  const given = names.filter((name) => args[name] !== undefined);
  if (given.length < 2) return;
  const [first, ...others] = names.map((name) => `--${name}`);
  throw new UsageError({ subject: `${first} and ${others.join(', ')}`, expected: 'one of them', got: 'both' });
}

/** Any text but an empty one. */
export const text: Parser<string> = (given, option) => {
  if (given === '') throw new UsageError({ subject: option, expected: 'a value', got: 'an empty one' });
  return given;
};

/** A whole number from `least` to `most`. */
export function wholeNumber(least: number, most = Number.MAX_SAFE_INTEGER): Parser<number> {
  const words = most === Number.MAX_SAFE_INTEGER ? `>= ${least}` : `from ${least} to ${most}`;
  return (given, option) => {
    const value = toNumber(given);
    if (!(Number.isInteger(value) && value >= least && value <= most)) {
      throw new UsageError({ subject: option, expected: `a whole number ${words}`, got: given });
    }
    return value;
  };
}

/** Bounds of a number: `above` and `below` are excluded, `least` and `most` included. */
export interface Bounds {
  readonly above?: number;
  readonly least?: number;
  readonly below?: number;
  readonly most?: number;
}

/** A finite number within bounds. */
export function number(bounds: Bounds = {}): Parser<number> {
  const {
    above = Number.NEGATIVE_INFINITY,
    least = Number.NEGATIVE_INFINITY,
    below = Number.POSITIVE_INFINITY,
    most = Number.POSITIVE_INFINITY,
  } = bounds;
  const signs = { above: '>', least: '>=', below: '<', most: '<=' } as const;
  const words = Object.entries(bounds).map(([name, bound]) => `${signs[name as keyof Bounds]} ${bound}`);
  return (given, option) => {
    const value = toNumber(given);
    if (!(value > above && value >= least && value < below && value <= most)) {
      throw new UsageError({
        subject: option,
        expected: ['a number', words.join(' and ')].join(' ').trim(),
        got: given,
      });
    }
    return value;
  };
}

/** One of a few names. `note` says why there are no more. */
export function choice<const Name extends string>(names: readonly Name[], note = ''): Parser<Name> {
  const expected = names.length === 1 ? `${names[0]}` : `one of ${names.join(', ')}`;
  return (given, option) => {
    const found = names.find((name) => name === given);
    if (found === undefined)
      throw new UsageError({ subject: option, expected: `${expected}${note}`, got: given, choices: names });
    return found;
  };
}

/** Values with commas between them, at least one. */
export function list<T>(parse: Parser<T>): Parser<T[]> {
  return (given, option) => given.split(',').map((item) => parse(item.trim(), option));
}

/** A name and a value with `=` between them, such as `example`. */
export function named<T>(parse: Parser<T>, example: string): Parser<[name: string, value: T]> {
  return (given, option) => {
    const [name, value, ...more] = given.split('=').map((part) => part.trim());
    if (!name || !value || more.length > 0)
      throw new UsageError({ subject: option, expected: `NAME=X, such as ${example}`, got: given });
    return [name, parse(value, option)];
  };
}

/** A regular expression, kept as text. */
export const pattern: Parser<string> = (given, option) => {
  try {
    new RegExp(given);
  } catch (error) {
    throw new UsageError({
      subject: option,
      expected: 'a regular expression',
      got: given,
      remedy: (error as Error).message,
    });
  }
  return text(given, option);
};

/** An object without the fields that are undefined: what was not given is left to the library's own defaults. */
export function given<T extends object>(fields: T): Given<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Given<T>;
}

/** The type of {@link given}: fields that may be undefined become optional. */
export type Given<T> = {
  [K in keyof T as undefined extends T[K] ? never : K]: T[K];
} & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
};

/** JavaScript takes an empty text for 0, and hexadecimal for a number. */
function toNumber(given: string): number {
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(given) ? Number(given) : Number.NaN;
}
