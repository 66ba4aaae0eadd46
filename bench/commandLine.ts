import { parseArgs } from 'node:util';
import { ArgumentError } from '../errors.ts';

const text = { type: 'string' } as const;
const flag = { type: 'boolean' } as const;

/** What the command line says, as it is written. Throws an ArgumentError for an option that is not known. */
export function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        models: text,
        threads: text,
        backends: text,
        quantities: text,
        rounds: text,
        repeats: text,
        seconds: text,
        cases: text,
        tasks: text,
        products: text,
        dir: text,
        stored: flag,
        steps: text,
        set: text,
        seeds: text,
        only: text,
        methods: text,
        ranks: text,
        model: text,
        data: text,
        parts: text,
        rows: text,
        batches: text,
        'max-length': text,
        tokens: text,
        prompts: text,
        'new-tokens': text,
        python: text,
        quick: flag,
        'no-peers': flag,
        'by-shape': flag,
        json: flag,
        help: flag,
      },
    });
  } catch (cause) {
    throw new ArgumentError({
      subject: 'command line',
      expected: 'known options',
      got: (cause as Error).message,
      cause,
    });
  }
}

/** Items with commas between them. */
export function list(given: string): string[] {
  return given.split(',').map((item) => item.trim());
}

/** An option's number. Throws an ArgumentError for one that is not above 0. */
export function number(option: string, given: string): number {
  const value = Number(given);
  if (value > 0) return value;
  throw new ArgumentError({ subject: `--${option}`, expected: 'a number above 0', got: given });
}
