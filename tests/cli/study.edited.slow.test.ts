import { readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readStudy } from '../../study/folder/record.ts';
import type { RunConfiguration } from '../../study/plan/run.ts';
import { spawnedCommandLine } from '../cases/commandLine.ts';
import { inTemporaryFolder } from '../cases/temporaryFolder.ts';
import { writeThreesTask } from '../cases/threesTask.ts';
import { filesOf } from '../cases/tinyStudy.ts';
import { randomRows, referencePath, writeRows } from '../cases/tokenFiles.ts';

/** A variant that differs from LoRA by a factor, which another file of the user's holds. */
const variant = `import { adapterMethod, lowRank } from 'lambdamax/training';
  import { factor } from './factor.ts';
  export default { ...adapterMethod('lora'), form: { ...lowRank, scaling: (size) => factor * lowRank.scaling(size) } };\n`;

const tiny = [
  ...['--rank', '2', '--steps', '2', '--no-extend', '--refine', '0', '--seeds', '1'],
  ...['--workers', '1', '--threads', '1'],
];

/** Runs a command in a folder, in a process of its own as users do, since a process loads a file once; what it says. */
async function say(folder: string, ...argv: readonly string[]): Promise<string> {
  const { code, stderr } = await spawnedCommandLine(argv, folder);
  assert.is(code, 0, stderr);
  return stderr;
}

/** When each finished run of a study was made, by its method and key; those that are not the plan's among them. */
async function made(study: string): Promise<Record<string, Record<string, number>>> {
  const found: Record<string, Record<string, number>> = {};
  for (const file of await filesOf(study)) {
    const [, key] = /^runs\/(.*)\/result\.json$/.exec(file) ?? [];
    if (key === undefined) continue;
    const folder = join(study, 'runs', key);
    const { method } = JSON.parse(await readFile(join(folder, 'run.json'), 'utf8')) as RunConfiguration;
    found[method] = { ...found[method], [key]: (await stat(join(folder, 'result.json'))).mtimeMs };
  }
  return found;
}

const results = (study: string) => readFile(join(study, 'results.csv'), 'utf8');

test("an edit of a variant's file, or of one that it imports, makes its runs again, and no others", () =>
  inTemporaryFolder(async (folder) => {
    const study = join(folder, 'study');
    const data = await writeRows(folder, randomRows(6, 1), 'train.jsonl');
    const command = [
      ...['sweep', '--model', referencePath('models/llama'), '--data', data, '--methods', 'lora,./mine.ts', ...tiny],
      ...['--batch-size', '3', '--lr', '1e-2,1e-1', '--study', study],
    ];
    await writeFile(join(folder, 'mine.ts'), variant);
    await writeFile(join(folder, 'factor.ts'), 'export const factor = 1;\n');
    await say(folder, ...command);
    const [first, firstResults] = [await made(study), await results(study)];
    assert.equal(
      Object.values(first).map((runs) => Object.keys(runs).length),
      [2, 2],
    );

    // Midway: the process ended before the last run of the variant was done.
    const [stopped] = Object.keys(first['./mine.ts']!);
    await rm(join(study, 'runs', stopped!, 'result.json'));
    await writeFile(join(folder, 'factor.ts'), 'export const factor = 8;\n');
    assert.match(await say(folder, ...command), /^\.\/mine\.ts was edited: .* made again$/m);
    const second = await made(study);
    assert.equal(second.lora, first.lora);
    const anew = Object.keys(second['./mine.ts']!).filter((key) => !(key in first['./mine.ts']!));
    const shown = (await readStudy(study)).runs.filter(({ configuration }) => configuration.method !== 'lora');
    assert.equal([anew.length, anew.sort()], [2, shown.map(({ key }) => key).sort()]);
    assert.is.not(await results(study), firstResults);

    await writeFile(join(folder, 'mine.ts'), variant.replace('factor *', '2 * factor *'));
    await say(folder, ...command);
    assert.is(Object.keys((await made(study))['./mine.ts']!).length, 5);

    // Edits that are undone: the runs of then are found again, and the one that was stopped is made.
    await writeFile(join(folder, 'mine.ts'), variant);
    await writeFile(join(folder, 'factor.ts'), 'export const factor = 1;\n');
    await say(folder, ...command);
    const last = await made(study);
    assert.equal([last.lora, await results(study)], [first.lora, firstResults]);
    assert.equal(
      { ...last['./mine.ts'], [stopped!]: 0 },
      { ...second['./mine.ts'], ...last['./mine.ts'], [stopped!]: 0 },
    );
  }));

test("an edit of a task's judge makes all runs again, and a run by finetune is not resumed across an edit", () =>
  inTemporaryFolder(async (folder) => {
    const study = join(folder, 'study');
    await writeThreesTask(folder);
    const small = ['--limit', '12', '--max-new-tokens', '4'];
    const size = ['--threads', '1', '--rank', '2', '--steps', '2'];
    const sweep = [
      'sweep',
      '--task',
      './threes.ts',
      ...small,
      ...tiny,
      '--methods',
      'lora',
      '--lr',
      '1e-2',
      '--study',
      study,
    ];
    await say(folder, ...sweep);
    const accuracies = async () => (await readStudy(study)).runs.map(({ result }) => result.accuracy);
    const [before, first] = [await accuracies(), await made(study)];
    const run = [
      'finetune',
      '--task',
      './threes.ts',
      ...small,
      ...size,
      '--method',
      './mine.ts',
      '--lr',
      '1e-2',
      '--out',
      join(folder, 'run'),
      '--save-every',
      '1',
      '--resume',
    ];
    await writeFile(join(folder, 'mine.ts'), variant);
    await writeFile(join(folder, 'factor.ts'), 'export const factor = 1;\n');
    await say(folder, ...run);

    const refused = async (words: RegExp): Promise<void> => {
      const { code, stderr } = await spawnedCommandLine([...run, '--quiet'], folder);
      assert.is(code, 1);
      assert.match(stderr, words);
    };
    await writeFile(join(folder, 'factor.ts'), 'export const factor = 2;\n');
    await refused(
      /^lambdamax: the file of --method of a run resumed from .*: expected the same as when the run was begun/,
    );
    await writeFile(join(folder, 'factor.ts'), 'export const factor = 1;\n');

    const judge = 'judge: async (_, responses) => responses.map(() => ({ correct: true })),';
    await writeThreesTask(folder, judge);
    assert.match(await say(folder, ...sweep), /^\.\/threes\.ts was edited: /m);
    assert.is(before.length, 1);
    assert.ok(before[0]! < 1, `accuracy ${before}`);
    assert.equal(await accuracies(), [1]);
    assert.is(Object.keys((await made(study)).lora!).length, 2);
    for (const key of Object.keys(first.lora!)) assert.is((await made(study)).lora![key], first.lora![key]);
    await refused(/^lambdamax: --validation of a run resumed from .*: expected the same as when the run was begun/);
  }));

test.run();
