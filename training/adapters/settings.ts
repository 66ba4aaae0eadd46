import { ArgumentError } from '../../errors.ts';

/**
 * The settings behind a method's name, as in `lora-ga:direction=ArBr:gamma=64`. Each is read with the value that it has if
 * it is not given. Everything throws an ArgumentError that names method and setting.
 */
export class Settings {
  readonly #method: string;
  readonly #given: Map<string, string>;

  /** `text` is what follows the name: `direction=ArBr:gamma=64`, or nothing. */
  constructor(method: string, text = '') {
    this.#method = method;
    this.#given = new Map(
      text === ''
        ? []
        : text.split(':').map((part) => {
            const [key, value] = part.split('=', 2);
            if (!key || !value) throw this.#wrong(part, 'settings KEY=VALUE with colons between them', part);
            return [key, value];
          }),
    );
  }

  /** One of some words. */
  choice<const Word extends string>(key: string, words: readonly Word[], standard: NoInfer<Word>): Word {
    const given = this.#take(key) ?? standard;
    const word = words.find((candidate) => candidate === given);
    if (word === undefined) throw this.#wrong(key, `one of ${words.join(', ')}`, given);
    return word;
  }

  /** A number above 0. */
  positive(key: string, standard: number): number {
    const given = this.#take(key);
    const value = given === undefined ? standard : Number(given);
    if (!(value > 0 && value < Infinity)) throw this.#wrong(key, 'a number above 0', given);
    return value;
  }

  /** A whole number of at least `least`. */
  whole<Standard extends number | null>(key: string, standard: Standard, least: number): number | Standard {
    const given = this.#take(key);
    if (given === undefined) return standard;
    const value = Number(given);
    if (!(Number.isInteger(value) && value >= least))
      throw this.#wrong(key, `a whole number of at least ${least}`, given);
    return value;
  }

  /** Refuses settings that nobody has read. */
  finish(): void {
    const [unknown] = this.#given.keys();
    if (unknown !== undefined) throw this.#wrong(unknown, 'a setting of this method', 'none of this name');
  }

  #take(key: string): string | undefined {
    const value = this.#given.get(key);
    this.#given.delete(key);
    return value;
  }

  #wrong(key: string, expected: string, got: unknown): ArgumentError {
    return new ArgumentError({ subject: `${key} of \`method: ${this.#method}\``, expected, got });
  }
}
