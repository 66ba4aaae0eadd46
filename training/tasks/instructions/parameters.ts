import { LambdamaxError } from '../../../errors.ts';

/** How a number is compared with one found in a response. */
export type Comparison = (found: number) => boolean;

/** What an instruction asks for in particular: the row's `kwargs`, each with a check of its kind. */
export class Parameters {
  readonly #values: Readonly<Record<string, unknown>>;
  readonly #subject: string;

  /** `subject` names the instruction and its row. */
  constructor(values: Readonly<Record<string, unknown>>, subject: string) {
    this.#values = values;
    this.#subject = subject;
  }

  text(name: string): string {
    return this.#require(name, 'a text', (value) => typeof value === 'string' && value !== '');
  }

  texts(name: string): readonly string[] {
    const isText = (value: unknown) => typeof value === 'string' && value !== '';
    return this.#require(
      name,
      'a list of texts',
      (value) => Array.isArray(value) && value.length > 0 && value.every(isText),
    );
  }

  /** A whole number from `least` on. */
  count(name: string, least = 0): number {
    return this.#require(
      name,
      `a whole number from ${least} on`,
      (value) => Number.isInteger(value) && (value as number) >= least,
    );
  }

  /** The comparison that two parameters make: `less than` or `at least` so many. */
  comparison(relation: string, count: string): Comparison {
    const limit = this.count(count);
    const isLess = this.#require<string>(
      relation,
      '"less than" or "at least"',
      (value) => value === 'less than' || value === 'at least',
    );
    return isLess === 'less than' ? (found) => found < limit : (found) => found >= limit;
  }

  #require<T>(name: string, expected: string, isRight: (value: unknown) => boolean): T {
    const value = this.#values[name];
    if (isRight(value)) return value as T;
    throw new LambdamaxError({ subject: `${name} of ${this.#subject}`, expected, got: value ?? 'nothing' });
  }
}
