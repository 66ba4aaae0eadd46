import * as assert from 'uvu/assert';
import { type CommandOutcome, commandLine } from '../cases/commandLine.ts';

/** The result of a command line with `--json`: asserts exit code 0, and one JSON object on standard output. */
export async function resultOf<T>(...argv: readonly string[]): Promise<T> {
  return onlyObject<T>(await commandLine([...argv, '--json', '--quiet']));
}

/** The one JSON object that a command has printed; asserts that nothing else is there. */
export function onlyObject<T>({ code, stdout, stderr }: CommandOutcome): T {
  assert.is(code, 0, stderr);
  const value: unknown = JSON.parse(stdout);
  assert.ok(typeof value === 'object' && value !== null && !Array.isArray(value), `not an object: ${stdout}`);
  return value as T;
}

/** Asserts that a command line fails with this exit code, and one line on standard error that matches every pattern. */
export async function failsClearly(
  argv: readonly string[],
  code: 1 | 2,
  ...patterns: readonly RegExp[]
): Promise<void> {
  const outcome = await commandLine(argv);
  assert.is(outcome.code, code, outcome.stderr || outcome.stdout);
  assert.is(outcome.stdout, '');
  assert.match(outcome.stderr, /^lambdamax: [^\n]+\n$/);
  // What nobody foresaw says so, and asks for --debug.
  assert.not.match(outcome.stderr, /unexpected; --debug|internal/);
  for (const pattern of patterns) assert.match(outcome.stderr, pattern);
}
