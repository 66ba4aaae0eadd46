import type { Options } from 'yargs';
import type { Output } from './words/output.ts';

/** What yargs read from the command line: texts and flags, under the names that the user types. */
export type Arguments = Readonly<Record<string, unknown>>;

/** What the help says of an option; a function where that takes a heavy module, which is imported when the help is shown. */
export type Description = string | (() => Promise<string>);

/** An option, as yargs takes it but for what is shown of it. */
export interface OptionDefinition extends Omit<Options, 'describe' | 'choices'> {
  readonly describe?: Description;
  /** Whether its value is a number, which is parsed from a text all the same. */
  readonly isNumber?: boolean;
  /** Names of values, which a shell's completion offers; others may be taken too. */
  readonly choices?: readonly string[] | (() => Promise<readonly string[]>);
}

/** Definitions of options by the names that the user types. */
export type OptionGroup = Readonly<Record<string, OptionDefinition>>;

/** One command of the command line: a name and options in, a library call, words and exit code out. */
export interface Command {
  /** What is typed, with positional arguments in yargs's notation: `predict [study]`. */
  readonly usage: string;
  /** What it does, in a line. */
  readonly summary: string;
  readonly options: OptionGroup;
  readonly examples?: readonly (readonly [command: string, does: string])[];
  /**
   * Parses the options and does the work. Heavy modules are imported in here, so that `--help` stays quick.
   * @throws UsageError for options that make no sense (exit code 2), any other error for a failure (exit code 1).
   */
  run(args: Arguments, output: Output): Promise<void>;
}
