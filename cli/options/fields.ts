import { ArgumentError, type LambdamaxError } from '../../errors.ts';
import type { OptionGroup } from '../command.ts';

/** Fields of the library whose options are called otherwise than `batchSize` and `--batch-size`. */
const otherNames: Readonly<Record<string, string>> = {
  endedAfter: 'worker-timeout',
  learningRate: 'lr',
  maxSteps: 'max-products',
  mergeIntoBase: 'as checkpoint',
  scoreDirection: 'better',
  'warmup.learningRate': 'warmup-lr',
  'warmup.steps': 'warmup',
};

/** The message of an error of the library, with a command's options in the place of the fields that it names. */
export function inOptions(error: LambdamaxError, options: OptionGroup): string {
  const { subject, message } = error;
  // The subject of other errors may be a file that is called like a field.
  const own = error instanceof ArgumentError ? optionOf(subject, options) : undefined;
  const named = own === undefined ? message : `--${own}${message.slice(subject.length)}`;
  return named.replace(/`([\w.]+)(?:: ([^`]*))?`/g, (quoted, field: string, value?: string) => {
    const option = optionOf(field, options);
    if (option === undefined) return quoted;
    return value === undefined ? `--${option}` : `--${option} ${value.replace(/^'(.*)'$/, '$1')}`;
  });
}

/** A field's name as options are written: `batchSize` as `batch-size`. */
export function hyphenated(field: string): string {
  return field.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** The name of the option that sets a field, or a list of its values; undefined if the command has none. */
function optionOf(field: string, options: OptionGroup): string | undefined {
  const name = Object.hasOwn(otherNames, field) ? otherNames[field]! : hyphenated(field);
  return [name, `${name}s`].find((option) => Object.hasOwn(options, option.split(' ')[0]!));
}
