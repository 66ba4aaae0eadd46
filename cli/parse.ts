import yargs, { type Options } from 'yargs';
import { packageVersion } from '../training/package.ts';
import type { Arguments, Command, OptionGroup } from './command.ts';
import { outputOptions } from './options/options.ts';
import { UsageError } from './options/usageError.ts';

/** What a shell's completion script asks with; the words of the command line so far follow. */
export const completionKey = '--get-yargs-completions';

/** The command line with `help` and nothing at all as what they mean: `--help`. */
export function typedFrom(argv: readonly string[]): readonly string[] {
  const [first, ...others] = argv;
  return first === undefined || first === 'help' ? [...others, '--help'] : argv;
}

/** What a command is called. */
export function nameOf({ usage }: Pick<Command, 'usage'>): string {
  return usage.split(' ')[0]!;
}

/**
 * Parses with yargs; returns the text of `--help`, `--version` or a completion if that was asked for, else ''. The command that was
 * chosen, and its options, are told to `choose`.
 * @throws UsageError for a command or an option that is not known.
 */
export async function parse(
  argv: readonly string[],
  commands: readonly Command[],
  columns = 110,
  choose: (command: Command, args: Arguments) => void = () => {},
): Promise<string> {
  const isHelp = argv.some((word) => /^(--help(=.*)?|-h)$/.test(word));
  const isCompletion = argv[0] === completionKey;
  let parser = yargs([...argv])
    .scriptName('lambdamax')
    .usage('lambdamax COMMAND\n\nSecond-order analysis for LoRA fine-tuning.')
    .locale('en')
    .parserConfiguration({
      'parse-numbers': false,
      'parse-positional-numbers': false,
      'dot-notation': false,
      'duplicate-arguments-array': false,
      'short-option-groups': false,
      'camel-case-expansion': false,
    })
    .wrap(Math.min(columns, 120))
    .version(packageVersion())
    .alias('version', 'v')
    .help()
    .alias('help', 'h')
    .demandCommand(1, 'no command')
    .strict()
    .strictCommands()
    .exitProcess(false)
    .fail(false);
  for (const command of commands) {
    const options = { ...command.options, ...outputOptions };
    // Only one command's options are looked at; yargs completes those that are there at once.
    const shown = commands.length === 1 && (isHelp || isCompletion) ? await shownOptions(options, isCompletion) : null;
    parser = parser.command(
      command.usage,
      command.summary,
      (builder) =>
        builder
          .usage(`lambdamax ${command.usage}\n\n${command.summary}.`)
          .options(shown ?? hiddenOptions(options))
          .example(isHelp ? examplesOf(command) : []),
      // Only noted: what is thrown in here would look like wrong usage.
      (args) => choose(command, args),
    );
  }
  let help = '';
  try {
    await parser.parseAsync([...argv], {}, (_error, _args, output) => {
      help = output;
    });
  } catch (error) {
    throw misuse(error as Error, argv, commands);
  }
  return help;
}

/**
 * Options as yargs takes them where nobody looks at them. It lays out the help of every command that it carries out, which takes a tenth
 * of a second for the options that are not hidden.
 */
function hiddenOptions(options: OptionGroup): Record<string, Options> {
  return Object.fromEntries(
    Object.entries(options).map(([name, { describe: _, isNumber: _number, choices: _choices, ...option }]) => [
      name,
      { ...option, hidden: true },
    ]),
  );
}

/** Options as they are shown: with descriptions, defaults as one types them, and for a completion the values that there are. */
async function shownOptions(options: OptionGroup, isCompletion: boolean): Promise<Record<string, Options>> {
  const entries = Object.entries(options).map(async ([name, definition]): Promise<[string, Options]> => {
    const { describe, isNumber = false, choices, type, ...option } = definition;
    const words = typeof describe === 'function' ? await describe() : describe;
    const values = isCompletion && (typeof choices === 'function' ? await choices() : choices);
    // yargs would write [string] beside all that has a value.
    const shownType = isNumber ? 'number' : type === 'string' ? undefined : type;
    const standard = typeof option.default === 'string' ? option.default : undefined;
    return [
      name,
      {
        ...option,
        ...(shownType && { type: shownType }),
        ...(standard !== undefined && { defaultDescription: standard }),
        ...(words && { describe: words }),
        ...(values && { choices: values }),
      },
    ];
  });
  return Object.fromEntries(await Promise.all(entries));
}

function examplesOf({ examples = [] }: Command): [string, string][] {
  return examples.map(([line, does]) => [`lambdamax ${line}`, does]);
}

/** What yargs does not take, with the names of those that it would have taken. */
function misuse(error: Error, argv: readonly string[], commands: readonly Command[]): UsageError {
  const words = error.message.replace(/\s*\n\s*/g, ' ');
  const subject = 'command line';
  const [, what, name = ''] = /^Unknown (command|argument)s?: ([^,]+)/.exec(words) ?? [];
  const command = commands.find((one) => nameOf(one) === argv[0]);
  if (what === 'command' || (what === 'argument' && command === undefined))
    return new UsageError({ subject, expected: 'a command', got: name, choices: commands.map(nameOf), cause: error });
  const typed = argv.find(
    (word) => word.replace(/=.*/s, '').replace(/^--?(no-)?/, '') === name && word.startsWith('-'),
  );
  if (what === 'argument' && typed !== undefined) {
    const choices = optionNames(command!).map((one) => `--${one}`);
    return new UsageError({
      subject,
      expected: `an option of ${argv[0]}`,
      got: typed.replace(/=.*/s, ''),
      choices,
      cause: error,
    });
  }
  const got = words.replace(/^[A-Z]/, (letter) => letter.toLowerCase());
  return new UsageError({ subject, expected: 'a command and its options', got, cause: error });
}

/** All names of a command's options, the other ones that they go by among them. */
function optionNames({ options }: Command): string[] {
  return Object.entries({ ...options, ...outputOptions }).flatMap(([name, { alias = [], type }]) => [
    ...[name, ...[alias].flat()],
    ...(type === 'boolean' ? [`no-${name}`] : []),
  ]);
}
