import { readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { proportion } from '../../training/tasks/proportion.ts';
import { spawnedCommandLine } from '../cases/commandLine.ts';
import { inTemporaryFolder } from '../cases/temporaryFolder.ts';
import { writeThreesTask } from '../cases/threesTask.ts';
import { failsClearly, onlyObject, resultOf } from '../oracles/commands.ts';

interface Run {
  readonly status: string;
  readonly steps: number;
  readonly validationLoss: number | null;
  readonly accuracy: number | null;
  readonly accuracyInterval: readonly [number, number] | null;
  readonly exactMatch: number | null;
  readonly exactMatchInterval: readonly [number, number] | null;
  readonly adapter: string;
}
const quick = ['--threads', '1', '--method', 'lora', '--rank', '2', '--lr', '1e-2', '--max-new-tokens', '3'];

/** Calls `body` with the family's file, and a folder for runs. */
const withTask = (body: (task: string, folder: string) => Promise<void>) => () =>
  inTemporaryFolder(async (folder) => body(await writeThreesTask(folder), folder));

test(
  'a run on a task is examined on problems that it has not seen, as evaluate examines its adapter',
  withTask(async (task, folder) => {
    const out = join(folder, 'run');
    const run = await resultOf<Run>(
      ...[
        'finetune',
        '--task',
        task,
        ...quick,
        '--limit',
        '40',
        '--steps',
        '12',
        '--validate-every',
        '6',
        '--out',
        out,
      ],
    );
    assert.is(run.status, 'finished');
    const { value, low, high } = proportion(Math.round(200 * run.accuracy!), 200);
    assert.equal([run.accuracy, run.accuracyInterval], [value, [low, high]]);
    assert.ok(value > 0.5, `accuracy ${value}`);
    const validation = join(folder, 'validation.jsonl');
    await resultOf('data', '--task', task, '--split', 'validation', '--out', validation);
    const shared = ['--threads', '1', '--max-new-tokens', '3', '--task', task, '--data', validation];
    const examined = await resultOf<Run & { loss: number }>('evaluate', ...shared, '--adapter', run.adapter);
    assert.is(examined.accuracy, run.accuracy);
    assert.ok(Math.abs(examined.loss - run.validationLoss!) < 1e-6);
    const untrained = await resultOf<Run>('evaluate', ...shared);
    assert.is(untrained.accuracy, 0);
    const metrics = (await readFile(join(out, 'metrics.jsonl'), 'utf8')).trimEnd().split('\n');
    const scored = metrics.map((line) => JSON.parse(line) as { step: number; accuracy?: number });
    assert.equal(
      scored.filter(({ accuracy }) => accuracy !== undefined).map(({ step }) => step),
      [6, 12],
    );
    assert.is(scored.at(-1)!.accuracy, run.accuracy);
  }),
);

test(
  'where no other response is right, the exact form counts what the judge counts',
  withTask(async (task) => {
    const options = ['finetune', '--task', task, ...quick, '--limit', '40', '--steps', '9'];
    const judged = await resultOf<Run>(...options);
    const exact = await resultOf<Run>(...options, '--exact');
    assert.ok(judged.accuracy! > 0);
    assert.equal([exact.exactMatch, exact.validationLoss], [judged.accuracy, judged.validationLoss]);
    // What nobody judged is no accuracy.
    assert.equal([exact.accuracy, exact.accuracyInterval], [null, null]);
    assert.equal([judged.exactMatch, judged.exactMatchInterval], [exact.exactMatch, exact.exactMatchInterval]);
  }),
);

test(
  'the problems of a file are trained on as those of the generator are',
  withTask(async (task, folder) => {
    const data = join(folder, 'train.jsonl');
    await resultOf('data', '--task', task, '--count', '20', '--out', data);
    const options = ['finetune', '--task', task, ...quick, '--steps', '2'];
    const generated = await resultOf<Run>(...options, '--limit', '20');
    const read = await resultOf<Run>(...options, '--data', data);
    const { accuracy, accuracyInterval, exactMatch, exactMatchInterval, validationLoss, ...rest } = generated;
    // Nobody said what it should be scored on.
    assert.equal([read.accuracy, read.accuracyInterval, read.validationLoss], [null, null, null]);
    assert.equal({ ...read, seconds: 0 }, { ...rest, ...read, seconds: 0 });
    const scored = await resultOf<Run>(...options, '--data', data, '--validation', data);
    assert.ok(scored.accuracy !== null && scored.accuracyInterval !== null);
  }),
);

test("the family's template is the one without another, and --limit leaves the validation whole", () =>
  inTemporaryFolder(async (folder) => {
    const task = await writeThreesTask(folder);
    const options = ['finetune', '--task', task, ...quick, '--steps', '1', '--limit', '8', '--exact'];
    const plain = await resultOf<Run & { tokens: number }>(...options);
    const same = await resultOf<Run & { tokens: number }>(...options, '--template', '{prompt}: ');
    const longer = await resultOf<Run & { tokens: number }>(...options, '--template', 'Is it so? {prompt}: ');
    assert.is(same.validationLoss, plain.validationLoss);
    assert.ok(longer.tokens > plain.tokens);
    const [low, high] = plain.exactMatchInterval!;
    assert.equal([low, high], [0, proportion(0, 200).high]);
  }));

test('spectrum --task measures the loss on the problems that finetune --task trains on', () =>
  inTemporaryFolder(async (folder) => {
    const task = await writeThreesTask(folder);
    const data = join(folder, 'train.jsonl');
    await resultOf('data', '--task', task, '--count', '8', '--out', data);
    const options = ['spectrum', '--threads', '1', '--method', 'lora', '--rank', '2', '--tolerance', '0.1'];
    const generated = await resultOf<Record<string, unknown>>(...options, '--task', task, '--limit', '8');
    const fields = ['--template', '{prompt}: ', '--response-field', 'response'];
    const read = await resultOf<Record<string, unknown>>(...options, '--data', data, ...fields);
    for (const name of ['lambdaMax', 'loss', 'tokens', 'parameters']) assert.equal(generated[name], read[name], name);
  }));

test("a file of the user's own is one for the command itself too, wherever it lies", () =>
  inTemporaryFolder(async (folder) => {
    const task = await writeThreesTask(folder);
    const method =
      "import { adapterMethod } from 'lambdamax/training';\nexport default { ...adapterMethod('lora') };\n";
    await writeFile(join(folder, 'mine.ts'), method);
    const options = [
      '--threads',
      '1',
      '--rank',
      '2',
      '--max-new-tokens',
      '3',
      '--limit',
      '8',
      '--steps',
      '1',
      '--lr',
      '1e-3',
      '--exact',
      '--json',
      '--quiet',
    ];
    // No package.json says that these are modules.
    const argv = ['finetune', '--task', `./${basename(task)}`, '--method', './mine.ts', ...options];
    const { status } = onlyObject<Run>(await spawnedCommandLine(argv, folder));
    assert.is(status, 'finished');
  }));

test('wrong usage', () =>
  inTemporaryFolder(async (folder) => {
    const finetune = ['finetune', ...quick, '--quiet'];
    await failsClearly([...finetune, '--task', 'maths'], 2, /--task: expected code, .*got maths/);
    await failsClearly([...finetune, '--task', 'math', '--limit', '0'], 2, /--limit: expected a whole number >= 1/);
    await failsClearly([...finetune, '--task', 'math', '--prompt-field', 'a'], 2, /--prompt-field beside --task/);
    await failsClearly([...finetune, '--data', 'a.jsonl', '--exact'], 2, /--exact: expected --task beside it/);
    const noGenerator = await writeThreesTask(folder, 'generate: undefined,');
    await failsClearly([...finetune, '--task', noGenerator], 1, /expected problems of its own, got none; .*--data/);
    const data = join(folder, 'rows.jsonl');
    await writeFile(data, '{ "prompt": "a" }\n');
    const every = ['--task', 'math', '--data', data, '--validate-every', '1'];
    await failsClearly([...finetune, ...every], 2, /--validate-every: expected --validation FILE/);
    await failsClearly(
      [...finetune, '--task', noGenerator, '--data', data],
      1,
      /expected responses to train on, got none in 1/,
    );
  }));

test.run();
