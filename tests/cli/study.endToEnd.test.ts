import { cp, mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { lockFolder } from '../../training/checkpoint/folderLock.ts';
import { commandLine } from '../cases/commandLine.ts';
import { inTemporaryFolder } from '../cases/temporaryFolder.ts';
import { filesOf, timelessBytes, tinyStudy } from '../cases/tinyStudy.ts';
import { assertClose } from '../oracles/close.ts';
import { failsClearly, resultOf } from '../oracles/commands.ts';

interface Study {
  readonly study: string;
  readonly runs: number;
  readonly added: number;
  readonly report: string;
  readonly points: readonly { readonly method: string; readonly lambdaMax: number; readonly startsAtZeroB: boolean }[];
  readonly verdict: string;
}

/** A finished study, made once; tests work on copies. */
let finished: { readonly folder: string; readonly result: Study };
test.before(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'lambdamax-'));
  const study = join(folder, 'study');
  finished = { folder: study, result: await resultOf<Study>(...(await tinyStudy(folder, ['--study', study]))) };
});
test.after(() => rm(dirname(finished.folder), { recursive: true }));

/** Calls `body` with a copy of the finished study and the command that made it, which names the copy. */
const inCopy = (body: (study: string, command: string[], folder: string) => Promise<void>) => () =>
  inTemporaryFolder(async (folder) => {
    const study = join(folder, 'study');
    await cp(finished.folder, study, { recursive: true });
    await body(study, await tinyStudy(folder, ['--study', study]), folder);
  });

const records = async (study: string): Promise<Record<string, string>[]> => {
  const [header, ...lines] = (await readFile(join(study, 'results.csv'), 'utf8')).trimEnd().split('\n');
  const names = header!.split(',');
  return lines.map((line) => Object.fromEntries(line.split(',').map((field, index) => [names[index]!, field])));
};

test(
  'a study leaves every file of its folder, and nothing else',
  inCopy(async (study) => {
    const { result } = finished;
    assert.is(result.runs, 6);
    assert.is(result.report, join(result.study, 'report.html'));
    const lines = await records(study);
    assert.equal(
      lines.map(({ method, learning_rate, seed, status }) => [method, Number(learning_rate), seed, status]),
      ['lora', 'pissa'].flatMap((method) => [1e-3, 1e-2, 1e-1].map((rate) => [method, rate, '0', 'finished'])),
    );
    const runFiles = lines.flatMap(({ key }) =>
      [
        ...['run.json', 'metrics.jsonl', 'result.json', 'adapter/adapter_config.json', 'adapter/lambdamax.json'],
        'adapter/adapter_model.safetensors',
      ].map((name) => `runs/${key}/${name}`),
    );
    const others = (await filesOf(study)).filter((name) => !runFiles.includes(name));
    assert.equal(
      others.map((name) => name.replace(/[0-9a-f]{12}/, 'KEY')),
      [
        'prediction.json',
        // Curvature and the rule of thumb, of both variants.
        ...Array(4).fill('predictors/KEY.json'),
        ...['report.html', 'results.csv'],
        ...Array(4).fill('spectra/KEY.json'),
        'study.json',
      ],
    );
    assert.is((await filesOf(study)).length, others.length + runFiles.length);
    for (const { key, score, loss } of lines) {
      const run = JSON.parse(await readFile(join(study, 'runs', key!, 'result.json'), 'utf8'));
      assert.is(Number(loss), run.validationLoss);
      assert.is(score, loss);
      const metrics = await readFile(join(study, 'runs', key!, 'metrics.jsonl'), 'utf8');
      assert.is(metrics.trimEnd().split('\n').length, 3);
    }
  }),
);

test(
  'the report loads nothing from elsewhere',
  inCopy(async (study) => {
    const page = await readFile(join(study, 'report.html'), 'utf8');
    assert.match(page, /^<!doctype html>/i);
    // Tags only: the plotting library itself holds addresses, of maps that are never drawn.
    const tags = page.replace(/<script(?: [^>]*)?>[\s\S]*?<\/script>/g, (script) =>
      script.slice(0, script.indexOf('>') + 1),
    );
    assert.not.match(tags, /<(?:script|img|iframe|link|source|object|embed)\b[^>]*\b(?:src|href|data)=["']?(?!data:)/i);
    assert.not.match(tags, /@import|url\(\s*["']?https?:/i);
    assert.match(page, /lora/);
  }),
);

test(
  'the curvature is that of spectrum, and the scores are those of finetune with the same options',
  inCopy(async (study, command, folder) => {
    const options = (...names: string[]) => names.flatMap((name) => [name, command[command.indexOf(name) + 1]!]);
    const shared = options('--model', '--data', '--batch-size', '--rank', '--threads');
    for (const { method, lambdaMax } of finished.result.points) {
      // All six rows, in the fewest batches that make four or as near as that comes.
      const curvature = ['--batch-size', '2', '--tolerance', '0.1', '--method', method];
      const { lambdaMax: own } = await resultOf<{ lambdaMax: { value: number } }>('spectrum', ...shared, ...curvature);
      assert.is(own.value, lambdaMax);
      const line = (await records(study)).find(
        (record) => record.method === method && record.learning_rate === '0.01',
      )!;
      const training = [...options('--validation', '--steps'), '--lr', '1e-2', '--out', join(folder, method)];
      const run = await resultOf<Record<string, number>>('finetune', ...shared, ...training, '--method', method);
      assertClose([run.validationLoss!], [Number(line.loss)], 1e-12, 'validation loss');
      const adapter = (at: string) => readFile(join(at, 'adapter', 'adapter_model.safetensors'));
      assert.equal(await adapter(join(folder, method)), await adapter(join(study, 'runs', line.key!)));
    }
  }),
);

test('that a method of the user’s own starts at B = 0 is measured, whatever its name is', () =>
  inTemporaryFolder(async (folder) => {
    const methods = ['pissa-like', 'lora'].map((name) => join(folder, `${name}.ts`));
    for (const [index, from] of ['lora', 'pissa'].entries())
      await writeFile(
        methods[index]!,
        `import { adapterMethod } from 'lambdamax/training';\nexport default { ...adapterMethod('${from}') };\n`,
      );
    const options = [
      '--methods',
      methods.join(),
      '--lr',
      '1e-3',
      '--predictors',
      'none',
      '--study',
      join(folder, 'study'),
    ];
    const { points } = await resultOf<Study>(...(await tinyStudy(folder, options)));
    assert.equal(
      points.map(({ startsAtZeroB }) => startsAtZeroB),
      [true, false],
    );
  }));

test(
  'a study that is done runs nothing again',
  inCopy(async (study, command) => {
    const times = async () =>
      Promise.all(
        (await filesOf(join(study, 'runs'))).map(async (name) => (await stat(join(study, 'runs', name))).mtimeMs),
      );
    const [before, timesBefore] = [await timelessBytes(study), await times()];
    const again = await resultOf<Study>(...command);
    assert.equal(await timelessBytes(study), before);
    assert.equal(await times(), timesBefore);
    assert.is(finished.result.added, 6);
    assert.equal(again, { ...finished.result, added: 0, study, report: join(study, 'report.html') });
  }),
);

test(
  'a moved study opens with predict and report, and is continued where it lies now',
  inCopy(async (study, command, folder) => {
    const moved = join(folder, 'elsewhere', 'moved');
    await cp(study, moved, { recursive: true });
    await rename(study, join(folder, 'gone'));
    const { verdict } = await resultOf<Study>('predict', moved);
    assert.is(verdict, finished.result.verdict);
    const page = await readFile(join(moved, 'report.html'), 'utf8');
    await resultOf('report', '--study', moved);
    assert.is(await readFile(join(moved, 'report.html'), 'utf8'), page);
    const csv = await readFile(join(moved, 'results.csv'), 'utf8');
    assert.is((await resultOf<Study>(...command, '--study', moved)).runs, 6);
    assert.is(await readFile(join(moved, 'results.csv'), 'utf8'), csv);
  }),
);

const otherSubjects: readonly (readonly [options: string, difference: RegExp])[] = [
  ['--limit 5', /dataHash/],
  ['--precision float64', /precision was "float32" and is "float64"/],
];
for (const [options, difference] of otherSubjects)
  test(
    `a study of another subject in the same folder is refused: ${options}`,
    inCopy(async (study, command) => {
      const before = await timelessBytes(study);
      const plan = await readFile(join(study, 'study.json'), 'utf8');
      const changed = [...command, ...options.split(' '), '--quiet'];
      await failsClearly(
        changed,
        1,
        /study\.json: expected what the study in this folder is about/,
        difference,
        /another study folder/,
      );
      assert.equal(await timelessBytes(study), before);
      assert.is(await readFile(join(study, 'study.json'), 'utf8'), plan);
    }),
  );

test(
  'other options of the curvature measure it anew, and what was measured under the first ones is kept',
  inCopy(async (study, command) => {
    const spectra = async () => (await filesOf(join(study, 'spectra'))).sort();
    const before = await spectra();
    await resultOf(...command, '--warmup', '2');
    const after = await spectra();
    // The Hessian at the start has no warm-up.
    assert.equal([before.length, after.length], [4, 6]);
    assert.ok(before.every((name) => after.includes(name)));
    await resultOf(...command);
    assert.equal(await spectra(), after);
  }),
);

test(
  'a study that another process works on is left alone',
  inCopy(async (study, command) => {
    const lock = await lockFolder(study);
    await failsClearly([...command, '--quiet'], 1, new RegExp(`^lambdamax: ${study}: .*process ${process.pid} on`));
    await lock.release();
    assert.is((await commandLine([...command, '--quiet'])).code, 0);
  }),
);

test('sweep makes the runs and no more; study goes on from there', () =>
  inTemporaryFolder(async (folder) => {
    const study = join(folder, 'study');
    const command = await tinyStudy(folder, ['--study', study, '--methods', 'lora']);
    const curvature = command.indexOf('--tolerance');
    const sweep = ['sweep', ...command.slice(1, curvature), ...command.slice(curvature + 6)];
    const { runs, methods } = await resultOf<{ runs: number; methods: { method: string; bracketed: boolean }[] }>(
      ...sweep,
    );
    assert.is(runs, 3);
    assert.equal(
      methods.map(({ method }) => method),
      ['lora'],
    );
    const runFiles = async () =>
      Object.entries(await timelessBytes(study)).filter(([name]) => name.startsWith('runs/'));
    const before = await runFiles();
    assert.not((await filesOf(study)).some((name) => /spectra|report|prediction/.test(name)));
    await resultOf(...command);
    assert.equal(await runFiles(), before);
    // The curvature joins the table.
    assert.ok((await records(study)).every(({ lambda_max }) => Number(lambda_max) > 0));
  }));

test('a grid is extended and refined until its best rate has worse ones on both sides', () =>
  inTemporaryFolder(async (folder) => {
    const options = ['--methods', 'lora', '--lr', '1e-3,4e-3', '--extend', '--refine', '1', '--steps', '6'];
    const study = join(folder, 'study');
    const { runs } = await resultOf<Study>(...(await tinyStudy(folder, [...options, '--study', study])));
    const lines = await records(study);
    assert.is(lines.length, runs);
    const scores = lines.map(({ score }) => (score === '' ? Number.POSITIVE_INFINITY : Number(score)));
    const best = scores.indexOf(Math.min(...scores));
    assert.ok(best > 1 && best < scores.length - 1, `the best of ${scores} is at ${best}`);
  }));

test.run();
