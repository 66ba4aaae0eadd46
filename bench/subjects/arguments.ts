import { parseArgs } from 'node:util';

/** What a subject is told on its command line; `taskArguments` of `subject.ts` writes it. */
export function subjectArguments() {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    options: {
      backend: text,
      precision: text,
      problem: text,
      quantity: text,
      threads: text,
      repeats: text,
      seconds: text,
      result: text,
    },
  });
  return values;
}
