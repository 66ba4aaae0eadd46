import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Command } from '../../cli/command.ts';
import { value } from '../../cli/options/options.ts';
import { LambdamaxError } from '../../errors.ts';
import { commandLine, spawnedCommandLine } from '../cases/commandLine.ts';
import { inTemporaryFolder } from '../cases/temporaryFolder.ts';

/** A command whose work is `run`. */
const trying = (run: Command['run']): Command[] => [
  { usage: 'try [study]', summary: 'Try', options: { study: value('Try', 'DIR', 'folder') }, run },
];
const failing = (error: unknown): Command[] =>
  trying(async () => {
    throw error;
  });

const misused: readonly string[][] = [
  ['nonsense'],
  ['predict', '--nonsense', '1'],
  ['predict', 'one', 'two'],
  ['predict'],
  ['report'],
  ['predict', '--csv'],
  ['predict', 'a', '--csv', 'b'],
  ['data', '--limit', '-1'],
  ['data', '--split', 'dev'],
  ['data', '--json'],
];
for (const argv of misused) {
  test(`wrong usage: lambdamax ${argv.join(' ')}`, async () => {
    const { code, stdout, stderr } = await commandLine(argv);
    assert.is(code, 2);
    assert.is(stdout, '');
    assert.match(stderr, /^lambdamax: [^\n]+; try 'lambdamax (\w+ )?--help'\n$/);
  });
}

test('a known failure is one line without a stack, and exit code 1', async () => {
  const error = new LambdamaxError({ subject: 'model.safetensors', expected: '8 bytes', got: 4 });
  const { code, stderr } = await commandLine(['try'], failing(error));
  assert.is(code, 1);
  assert.is(stderr, 'lambdamax: model.safetensors: expected 8 bytes, got 4\n');
});

test('an unexpected failure is one line that says how to see more', async () => {
  for (const error of [new TypeError('x is not\na function'), 'a text', undefined]) {
    const { code, stderr } = await commandLine(['try'], failing(error));
    assert.is(code, 1);
    assert.match(stderr, /^lambdamax: [^\n]+--debug[^\n]*\n$/);
  }
});

test('with --debug the stack and its cause follow', async () => {
  const cause = new Error('disk on fire');
  const error = new LambdamaxError({ subject: 'file', expected: 'to be readable', cause });
  const { code, stderr } = await commandLine(['try', '--debug'], failing(error));
  assert.is(code, 1);
  assert.match(stderr, /^lambdamax: file: expected to be readable\nLambdamaxError: .*\n {4}at /);
  assert.match(stderr, /caused by Error: disk on fire\n {4}at /);
});

test('a positional argument and its option are the same', async () => {
  const seen: unknown[] = [];
  const commands = trying(async ({ study }) => {
    seen.push(study);
  });
  await commandLine(['try', '007'], commands);
  await commandLine(['try', '--study', '007'], commands);
  assert.equal(seen, ['007', '007']);
});

test('the command runs in a process of its own, from any folder', () =>
  inTemporaryFolder(async (folder) => {
    const help = await spawnedCommandLine(['--help'], folder);
    assert.is(help.code, 0);
    assert.is(help.stderr, '');
    for (const name of ['data', 'predict', 'report'])
      assert.match(help.stdout, new RegExp(`^  lambdamax ${name}`, 'm'));
    const unknown = await spawnedCommandLine(['predict', '--nonsense'], folder);
    assert.is(unknown.code, 2);
    assert.match(unknown.stderr, /^lambdamax: [^\n]*nonsense; try 'lambdamax predict --help'\n$/);
    const missing = await spawnedCommandLine(['predict', 'no-such-study', '--json'], folder);
    assert.is(missing.code, 1);
    assert.is(missing.stdout, '');
    assert.match(missing.stderr, /^lambdamax: no-such-study\/study\.json: [^\n]*\n$/);
  }));

test('data without a file goes to standard output, a row a line', async () => {
  const { code, stdout } = await commandLine(['data', '--limit', '5', '--seed', '3']);
  assert.is(code, 0);
  const rows = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { question: string; answer: string });
  assert.is(rows.length, 5);
  assert.ok(rows.every(({ question, answer }) => question.length > 0 && answer.includes('#### ')));
});

test.run();
