/**
 * What a {@link LambdamaxError} says: who is at fault, what was wanted, what came, what to do. A field of a function's options
 * stands in backticks, with its value if that matters: `rank`, `precision: float64`. The command line shows its option there.
 */
export interface ErrorParts {
  /** The file, field, tensor or operation at fault. A field alone stands without backticks. */
  readonly subject: string;
  /** What would have been right. */
  readonly expected: string;
  /** What was found instead. */
  readonly got?: unknown;
  /** What the reader can do about it. */
  readonly remedy?: string;
  /** The names of which one was wanted, where `got` may be a slip of one: the command line offers the closest. */
  readonly choices?: readonly string[];
  /** The error underneath, for `--debug`. */
  readonly cause?: unknown;
}

/** The one error type that lambdamax throws. Its message is a single line: `subject: expected ..., got ...; remedy`. */
export class LambdamaxError extends Error {
  override readonly name = 'LambdamaxError';
  readonly subject: string;
  readonly expected: string;
  /** What was found, as the message has it. */
  readonly got: string | undefined;
  readonly remedy: string | undefined;
  readonly choices: readonly string[];

  constructor({ subject, expected, got, remedy, choices = [], cause }: ErrorParts) {
    const described = got === undefined ? undefined : describe(got);
    const found = described === undefined ? '' : `, got ${described}`;
    const advice = remedy === undefined ? '' : `; ${remedy}`;
    super(
      oneLine(`${short(subject, 400)}: expected ${expected}${found}${advice}`),
      cause === undefined ? undefined : { cause },
    );
    this.subject = subject;
    this.expected = expected;
    this.got = described;
    this.remedy = remedy;
    this.choices = choices;
  }
}

/** An argument that a function does not take, whatever else it finds: the caller's own mistake, as opposed to a failure at work. */
export class ArgumentError extends LambdamaxError {}

/** A value short enough for an error message. */
function describe(value: unknown): string {
  return short(toText(value), 120);
}

/** Names of tensors and files may come from strangers, and be of any length. */
function short(text: string, most: number): string {
  return text.length > most ? `${text.slice(0, most - 3)}...` : text;
}

function toText(value: unknown): string {
  // JSON has no NaN and no infinity, and those are just the numbers that errors are about.
  if (typeof value !== 'object') return String(value);
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return 'a value nested too deeply to show';
  }
}

function oneLine(text: string): string {
  // Names in files of strangers may hold other line ends, and codes that a terminal would obey.
  return text.replace(/\s*[\n\r\u2028\u2029]\s*/g, ' ').replace(/\p{Cc}/gu, '\ufffd');
}
