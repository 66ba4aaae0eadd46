import { execFileSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { chmod } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { closest } from '../../cli/words/closest.ts';
import { createOutput } from '../../cli/words/output.ts';
import { adapterMethods } from '../../training/adapters/index.ts';
import { packageVersion } from '../../training/package.ts';
import { commandLine, keepingStream, spawnedCommandLine } from '../cases/commandLine.ts';
import { inTemporaryFolder } from '../cases/temporaryFolder.ts';
import { tinyStudy } from '../cases/tinyStudy.ts';
import { failsClearly, resultOf } from '../oracles/commands.ts';

const script = fileURLToPath(new URL('../../cli/lambdamax.mjs', import.meta.url));

test('nothing, help, -h and --help show the same help; -v and --version the version', async () => {
  const { stdout: help } = await commandLine(['--help']);
  assert.match(help, /^ {2}lambdamax study /m);
  for (const argv of [[], ['help'], ['-h']])
    assert.equal(await commandLine(argv), { code: 0, stdout: help, stderr: '' });
  const { stdout: ofStudy } = await commandLine(['study', '--help']);
  for (const argv of [
    ['help', 'study'],
    ['study', '-h'],
  ])
    assert.equal(await commandLine(argv), { code: 0, stdout: ofStudy, stderr: '' });
  for (const argv of [['-v'], ['--version']]) assert.is((await commandLine(argv)).stdout, `${packageVersion()}\n`);
});

test('the command itself shows its help without arguments, and ends well', () =>
  inTemporaryFolder(async (folder) => {
    const { code, stdout, stderr } = await spawnedCommandLine([], folder);
    assert.equal([code, stderr], [0, '']);
    assert.match(stdout, /^lambdamax COMMAND/);
  }));

test('a slip is answered with what was meant', async () => {
  const slips: readonly (readonly [argv: string[], words: RegExp])[] = [
    [['studdy'], /expected a command, got studdy; did you mean study\? 'lambdamax --help' lists all/],
    [
      ['study', '--metods', 'lora'],
      /an option of study, got --metods; did you mean --methods\? 'lambdamax study --help'/,
    ],
    [['study', '--dryrun'], /got --dryrun; did you mean --dry-run\?/],
    [['study', '--no-extent'], /got --no-extent; did you mean --no-extend\?/],
    [['study', '--rnak=2'], /got --rnak; did you mean --rank\?/],
    [['study', '--methods', 'lora,psisa'], /--methods: .*, got psisa; did you mean pissa\?/],
    [['study', '--method', 'psisa'], /--methods?: .*, got psisa; did you mean pissa\?/],
    [['study', '--optimizers', 'adamw,sdg'], /--optimizers: .*, got sdg; did you mean sgd\?/],
    [['study', '--task', 'maths'], /--task: .*, got maths; did you mean math\?/],
    [['finetune', '--lr', '1', '--data', 'x', '--schedule', 'cosin'], /got cosin; did you mean cosine\?/],
    [['predict', 'x', '--better', 'hihger'], /got hihger; did you mean higher\?|--study and --better/],
    [['completion', 'bsh'], /got bsh; did you mean bash\?/],
  ];
  for (const [argv, words] of slips) await failsClearly(argv, 2, words);
  // What is like nothing is not answered with anything.
  const { stderr } = await commandLine(['study', '--frobnicate']);
  assert.not.match(stderr, /did you mean/);
});

test('the closest name is at most a third of its letters away, and never the name itself', () => {
  const names = ['lora', 'olora', 'milora', 'pissa', 'sgd'];
  assert.equal(
    ['loar', 'lra', 'PISSA2', 'gsd', 'lora', 'xyz', ''].map((typed) => closest(typed, names)),
    ['lora', 'lora', 'pissa', 'sgd', 'olora', undefined, undefined],
  );
});

test('numbers are shown as numbers, and no type stands beside what has a placeholder', async () => {
  for (const name of ['study', 'finetune', 'spectrum', 'recommend', 'data', 'predict']) {
    const { stdout } = await commandLine([name, '--help']);
    assert.not.match(stdout, /\[string\]/);
    assert.not.match(stdout, /default: "/);
  }
  const { stdout } = await commandLine(['study', '--help']);
  assert.match(stdout, /--rank +N .*\[number\]/);
  assert.match(stdout, /--max-length +N .*\[number\] \[default: 512\]/);
  for (const { name } of adapterMethods) assert.ok(stdout.includes(name), `${name} is not in study --help`);
});

test('one method may stand behind --methods, and methods of a study behind --method', () =>
  inTemporaryFolder(async (folder) => {
    const argv = (await tinyStudy(folder)).map((word) => (word === '--methods' ? '--method' : word));
    const { runs } = await resultOf<{ runs: number }>(...argv, '--dry-run');
    assert.is(runs, 6);
    // The model is not opened for a method that is not known.
    await failsClearly(['finetune', '--data', 'x', '--lr', '1', '--methods', 'psisa', '--model', 'none'], 1, /none/);
  }));

test('a dry run says runs, hours and memory, and writes nothing', () =>
  inTemporaryFolder(async (folder) => {
    const study = join(folder, 'study');
    const argv = await tinyStudy(folder, ['--study', study]);
    const said = await resultOf<Record<string, number>>(...argv, '--dry-run');
    assert.not(existsSync(study));
    assert.equal([said.runs, said.done, said.spectra, said.predictions, said.processes], [6, 0, 4, 4, 1]);
    assert.ok(said.hours! > 0 && said.hours! < 1);
    assert.ok(said.bytes! > 4e8 && said.freeBytes! > 0);
    const { stdout } = await commandLine([...argv, '--dry-run']);
    assert.match(stdout, /study: 6 runs, 4 spectra, 4 predictions\ntime: about .* with one process/);
    assert.match(stdout, /memory: about .*\nNothing was written\./);
    await resultOf('sweep', ...argv.slice(1).filter((_, at, all) => !isOfCurvature(all, at)));
    const again = await resultOf<Record<string, number>>(...argv, '--dry-run');
    assert.equal([again.runs, again.done], [6, 6]);
  }));

const isOfCurvature = (all: readonly string[], at: number): boolean =>
  [all[at], all[at - 1]].some((word) => ['--tolerance', '--curvature-tokens', '--warmup'].includes(word!));

test('without data a command is about the bundled model and its word problems', async () => {
  const few = ['--limit', '4', '--threads', '1', '--batch-size', '2'];
  const evaluated = await resultOf<{ rows: number; accuracy: number }>('evaluate', ...few, '--max-new-tokens', '2');
  assert.equal([evaluated.rows, evaluated.accuracy], [4, 0]);
  const small = ['--method', 'lora', '--rank', '1', '--target-modules', 'q_proj', '--tolerance', '0.5'];
  const { tokens } = await resultOf<{ tokens: number }>('spectrum', ...few, ...small);
  const named = await resultOf<{ tokens: number }>('spectrum', ...few, ...small, '--task', 'math');
  assert.is(tokens, named.tokens);
});

test('colours are for terminals, and for nobody who sets NO_COLOR', () => {
  const tableOn = (isTTY: boolean): string =>
    createOutput({ json: false, quiet: false }, keepingStream(isTTY), keepingStream()).table(['rate'], [[1]])[0]!;
  const { NO_COLOR, TERM } = process.env;
  try {
    delete process.env.NO_COLOR;
    process.env.TERM = 'xterm';
    assert.is(tableOn(false), 'rate');
    assert.match(tableOn(true), '\u001b[2mrate');
    process.env.NO_COLOR = '1';
    assert.is(tableOn(true), 'rate');
  } finally {
    for (const [name, value] of Object.entries({ NO_COLOR, TERM }))
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
  }
});

test('completion offers commands, options and names, as each shell wants them', async () => {
  const offered = async (shell: string, ...words: string[]): Promise<string[]> => {
    const before = process.env.SHELL;
    process.env.SHELL = shell;
    const { code, stdout } = await commandLine(['--get-yargs-completions', 'lambdamax', ...words]);
    process.env.SHELL = before;
    assert.is(code, 0);
    return stdout.trimEnd().split('\n');
  };
  assert.ok((await offered('bash', '')).includes('study'));
  assert.ok((await offered('bash', 'study', '--')).includes('--dry-run'));
  assert.equal(await offered('bash', 'finetune', '--method', 'pis'), ['pissa']);
  assert.equal(await offered('fish', 'study', '--task', ''), ['code', 'commonsense', 'instructions', 'math']);
  assert.ok((await offered('zsh', '')).some((line) => /^doctor:Which backends/.test(line)));
  assert.ok((await offered('fish', '')).some((line) => /^doctor\tWhich backends/.test(line)));
  assert.ok((await offered('zsh', 'study', '--')).some((line) => /^--rank:N {2}rank r/.test(line)));
});

test('bash completes by the script that is printed', () =>
  inTemporaryFolder(async (folder) => {
    for (const shell of ['bash', 'zsh', 'fish'])
      assert.match((await resultOf<{ script: string }>('completion', shell)).script, `env SHELL=${shell} lambdamax`);
    const { script: completion } = await resultOf<{ script: string }>('completion', 'bash');
    writeFileSync(join(folder, 'completion.bash'), completion);
    writeFileSync(join(folder, 'lambdamax'), `#!/bin/sh\nexec '${process.execPath}' '${script}' "$@"\n`);
    await chmod(join(folder, 'lambdamax'), 0o755);
    const asked = `source ${join(folder, 'completion.bash')}
      COMP_WORDS=(lambdamax finetune --method pis); COMP_CWORD=3; _lambdamax; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const env = { ...process.env, PATH: `${folder}${delimiter}${process.env.PATH}` };
    assert.is(execFileSync('bash', ['-c', asked], { env, encoding: 'utf8' }), 'pissa\n');
  }));

test.run();
