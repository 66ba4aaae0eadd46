import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { predict } from '../../analysis/rates/predictor.ts';
import { readSweepCsv, type SweepCsvOptions } from '../../analysis/rates/sweepCsv.ts';
import { parseColumns } from '../../analysis/table/columns.ts';
import { inTemporaryFolder } from '../cases/temporaryFolder.ts';
import { resultOf } from '../oracles/commands.ts';
import { throwsClearly } from '../oracles/throws.ts';

const fixture = (name: string) => new URL(`../../fixtures/tables/${name}`, import.meta.url).pathname;

/** What is made of a table: the best rate of each configuration, to three digits, and what was said. */
async function readingOf(table: string | Buffer, options: SweepCsvOptions & { readonly given?: string } = {}) {
  const { given, ...rest } = options;
  const notices: string[] = [];
  let best: Record<string, string> = {};
  let direction = '';
  await inTemporaryFolder(async (folder) => {
    const path = join(folder, 'table.csv');
    await writeFile(path, table);
    const columns = given === undefined ? {} : { columns: parseColumns(given) };
    const sweep = readSweepCsv(path, { ...columns, ...rest, onNotice: (notice) => notices.push(notice) });
    direction = sweep.scoreDirection;
    const { points } = predict(sweep);
    best = Object.fromEntries(
      points.map(({ configuration, optimum }) => [configuration, optimum.learningRate.toPrecision(2)]),
    );
  });
  return { best, notices, direction };
}

const optimaOf = async (table: string | Buffer, options?: Parameters<typeof readingOf>[1]) =>
  (await readingOf(table, options)).best;

/** Rates half a decade apart about `best`, and a parabola in their logarithm that is 1 at the best. */
function curve(best: number, line: (rate: string, loss: string) => string): string[] {
  return [-2, -1, 0, 1, 2].map((step) =>
    line((best * 10 ** (step / 2)).toPrecision(6), (1 + (step / 2) ** 2 / 5).toFixed(4)),
  );
}

const table = (header: string, ...lines: readonly (string | readonly string[])[]) =>
  `${[header, ...lines.flat()].join('\n')}\n`;

test('the tables of the fixtures have the best rates that they were made with', async () => {
  const best = async (name: string) => optimaOf(await readFile(fixture(name)), { scoreDirection: 'lower' });
  assert.equal(await best('ranks.csv'), {
    'lora, rank 8': '0.0010',
    'lora, rank 64': '0.00010',
    'pissa, rank 8': '0.00032',
    'pissa, rank 64': '0.000032',
  });
  assert.equal(await best('crashed.csv'), { lora: '0.00010' });
  assert.equal(await best('optuna.csv'), {
    'lora, rank 8': '0.00010',
    'lora, rank 64': '0.000010',
    'pissa, rank 8': '0.0010',
    'pissa, rank 64': '0.00010',
  });
  for (const name of ['optuna-failed.csv', 'wandb.csv', 'nans.csv'])
    assert.equal(await best(name), { lora: '0.00010' });
  const { runs } = readSweepCsv(fixture('nans.csv'));
  assert.equal(
    runs.filter(({ status }) => status === 'diverged').map(({ learningRate }) => learningRate),
    [3.2e-3, 1e-2, 3.2e-2],
  );
});

test('predict reads them by name of columns, and says on standard error what it left out', async () => {
  const { points } = await resultOf<ReturnType<typeof predict>>(
    'predict',
    '--csv',
    fixture('ranks.csv'),
    '--better',
    'lower',
  );
  assert.is(points.length, 4);
  const options = ['--columns', 'rate=params_learning_rate,score=user_attrs_train_loss,setting=params_rank'];
  const other = await resultOf<ReturnType<typeof predict>>('predict', '--csv', fixture('optuna.csv'), ...options);
  assert.ok(Math.abs(Math.min(...other.points.map(({ optimum }) => optimum.score)) - 0.9) < 1e-9);
});

// Whatever a run was asked to do is part of its configuration, under whatever name.
const settings = [
  'batch_size',
  'per_device_train_batch_size',
  'lora_alpha',
  'alpha',
  'r',
  'lora_r',
  'model',
  'model_name_or_path',
];
settings.push(
  'task',
  'dataset',
  'optimizer',
  'optim',
  'scheduler',
  'lr_scheduler_type',
  'warmup_ratio',
  'weight_decay',
  'steps',
);
settings.push(
  'num_train_epochs',
  'max_steps',
  'target_modules',
  'lora_dropout',
  'precision',
  'maxLength',
  'optimizer_name',
);
settings.push('params_beta', 'config/gamma', 'params.shape', 'config.inner.delta', 'beta1');
for (const setting of settings)
  test(`runs that differ in ${setting} are not averaged`, async () => {
    const [a, b] = /rank|size|alpha|r$|steps|epochs|decay|ratio|dropout|beta|gamma|delta|Length/.test(setting)
      ? ['1', '2']
      : ['one', 'two'];
    const text = table(
      `method,learningRate,${setting},score`,
      curve(1e-3, (rate, loss) => `lora,${rate},${a},${loss}`),
      curve(1e-4, (rate, loss) => `lora,${rate},${b},${loss}`),
    );
    const found = await optimaOf(text, { scoreDirection: 'lower' });
    assert.equal(Object.values(found), ['0.0010', '0.00010'], JSON.stringify(found));
    for (const [i, name] of Object.keys(found).entries())
      assert.ok(name.startsWith('lora, ') && name.endsWith(` ${[a, b][i]}`), name);
  });

test('what came of a run, and what it was called, is no setting', async () => {
  const header =
    'method,learningRate,score,seed,finalLoss,key,time,train/loss,eval/runtime,name,_timestamp,grad_norm,lambda_max';
  const lines = [0, 1].map((seed) =>
    curve(
      1e-3,
      (rate, loss) =>
        `lora,${rate},${loss},${seed},${seed + 3}${rate},k${rate}${seed},${rate}1,${seed},${seed}.5,n${rate}${seed},${seed},2.${seed},10`,
    ),
  );
  assert.equal(await optimaOf(table(header, ...lines), { scoreDirection: 'lower' }), { lora: '0.0010' });
});

test('a column that may or may not be a setting is refused by name, until the user says which', async () => {
  const text = table(
    'method,learningRate,kappa,score',
    curve(1e-3, (rate, loss) => `lora,${rate},0.1,${loss}`),
    curve(1e-4, (rate, loss) => `lora,${rate},0.2,${loss}`),
  );
  await throwsClearly(
    () => readingOf(text),
    /^column kappa of .*: .* it differs among runs of one configuration, got 0\.1, 0\.2; say `columns: setting=kappa` .* else ignore=kappa$/,
  );
  const scoreDirection = 'lower';
  assert.equal(await optimaOf(text, { scoreDirection, given: 'setting=kappa' }), {
    'lora, kappa 0.1': '0.0010',
    'lora, kappa 0.2': '0.00010',
  });
  assert.equal(Object.keys(await optimaOf(text, { scoreDirection, given: 'ignore=kappa' })), ['lora']);
  // Where it is the same for all runs of a configuration it can mix nothing up.
  const apart = text.replaceAll(/lora(.*,0\.2)/g, 'pissa$1');
  assert.equal(await optimaOf(apart, { scoreDirection }), { lora: '0.0010', pissa: '0.00010' });
});

test('settings that never stay the same while the rate changes leave nothing to compare', async () => {
  const drawn = curve(1e-3, (rate, loss) => `lora,${rate},${Number(rate) * 3},${loss}`);
  const text = table('method,learningRate,weight_decay,score', drawn);
  await throwsClearly(
    () => readingOf(text),
    /several learning rates with the same settings, got weight_decay and the rate never apart/,
  );
  assert.equal(await optimaOf(text, { given: 'ignore=weight_decay', scoreDirection: 'lower' }), { lora: '0.0010' });
});

test("the paper's rule compares a method with LoRA at the same settings", async () => {
  const lines = (
    [
      [8, 'lora', 1e-3, 4],
      [64, 'lora', 1e-4, 40],
      [8, 'pissa', 3e-4, 8],
      [64, 'pissa', 3e-5, 80],
    ] as const
  ).map(([rank, method, best, lambda]) => curve(best, (rate, loss) => `${method},${rank},${rate},${loss},${lambda}`));
  await inTemporaryFolder(async (folder) => {
    const path = join(folder, 'table.csv');
    await writeFile(path, table('method,rank,learningRate,score,lambdaMax', ...lines));
    const { points } = predict(readSweepCsv(path, { scoreDirection: 'lower' }));
    const rule = Object.fromEntries(
      points.map(({ configuration, predictions }) => [
        configuration,
        predictions['relative-to-lora']?.learningRate.toPrecision(3),
      ]),
    );
    assert.equal(rule, {
      'lora, rank 8': undefined,
      'lora, rank 64': undefined,
      'pissa, rank 8': '0.000500',
      'pissa, rank 64': '0.0000500',
    });
  });
});

const unfinished = [
  'crashed',
  'failed',
  'FAIL',
  'FAILED',
  'killed',
  'KILLED',
  'running',
  'RUNNING',
  'PRUNED',
  'WAITING',
  'ERROR',
];
unfinished.push(
  'PENDING',
  'PAUSED',
  'preempted',
  'SCHEDULED',
  'CANCELLED',
  'timeout',
  'OUT_OF_MEMORY',
  'aborted',
  'queued',
);
for (const status of unfinished)
  test(`a run that is ${status} does not count`, async () => {
    const finished = curve(1e-3, (rate, loss) => `lora,${rate},${loss},finished`);
    const text = table('method,learningRate,score,status', finished, `lora,1,0.1,${status}`, `lora,2,,${status}`);
    const { best, notices } = await readingOf(text, { scoreDirection: 'lower' });
    assert.equal(best, { lora: '0.0010' });
    assert.equal(notices, [`left out 2 of 7 runs, which did not finish: 2 ${status}`]);
  });

for (const status of ['finished', 'FINISHED', 'COMPLETE', 'completed', 'TERMINATED', 'success', 'done', 'True'])
  test(`a run that is ${status} counts`, async () => {
    const text = table(
      'method,learningRate,score,status',
      curve(1e-3, (rate, loss) => `lora,${rate},${loss},${status}`),
    );
    assert.equal((await readingOf(text, { scoreDirection: 'lower' })).notices, []);
  });

test('a status that nobody knows is refused, and a table without one finished run', async () => {
  const of = (status: string) =>
    table(
      'method,learningRate,score,status',
      curve(1e-3, (rate, loss) => `lora,${rate},${loss},${status}`),
    );
  await throwsClearly(
    () => readingOf(of('sleepy')),
    /line 2: expected status to be a status that is known.*got sleepy/,
  );
  await throwsClearly(
    () => readingOf(of('crashed')),
    /at least one finished run, got 5 crashed; `columns: ignore=status`/,
  );
});

const noNumbers = [
  'nan',
  'NaN',
  'NAN',
  '-nan',
  'inf',
  '-inf',
  'Inf',
  'Infinity',
  '-Infinity',
  '+inf',
  'null',
  'NULL',
  'None',
  'NA',
  'N/A',
  '#N/A',
];
noNumbers.push('', '-', '<NA>', '1.#QNAN', '-1.#IND', '1.#INF', '-nan(ind)', '#NUM!', '1e999', '?');
test('whatever says that there is no number is a diverged run', async () => {
  const rates = noNumbers.map((word, index) => `lora,${index + 1},${word}`);
  await inTemporaryFolder(async (folder) => {
    const path = join(folder, 'table.csv');
    await writeFile(
      path,
      table(
        'method,learningRate,score',
        curve(1e-3, (rate, loss) => `lora,${rate},${loss}`),
        rates,
      ),
    );
    const { runs } = readSweepCsv(path, { scoreDirection: 'lower' });
    assert.equal(
      runs.slice(5).map(({ score, status }) => [score, status]),
      noNumbers.map(() => [null, 'diverged']),
    );
  });
});

const plain = curve(1e-3, (rate, loss) => `lora,${rate},${loss}`);
const asWritten = table('method,learningRate,score', plain);
const local = asWritten.replaceAll(',', ';').replaceAll('.', ',');
const utf16 = (text: string, isBig = false) => {
  const bytes = Buffer.from(`\ufeff${text}`, 'utf16le');
  return isBig ? bytes.swap16() : bytes;
};
const spellings: Readonly<Record<string, string | Buffer>> = {
  'semicolons and decimal commas': local,
  'semicolons and decimal dots': asWritten.replaceAll(',', ';'),
  tabs: asWritten.replaceAll(',', '\t'),
  'tabs and decimal commas': local.replaceAll(';', '\t'),
  bars: asWritten.replaceAll(',', '|'),
  'a byte-order mark': `\ufeff${asWritten}`,
  'UTF-16 of Excel': utf16(asWritten.replaceAll(',', '\t')),
  'UTF-16, high byte first': utf16(asWritten, true),
  'UTF-16 without its mark': utf16(asWritten).subarray(2),
  'a first line for Excel': `sep=;\r\n${local.replaceAll('\n', '\r\n')}`,
  'quoted cells with line ends': asWritten.replaceAll('lora', '"lo\nra"'),
  'decimal commas in quotes': table(
    'method,learningRate,score',
    curve(1e-3, (rate, loss) => `lora,"${rate.replace('.', ',')}","${loss.replace('.', ',')}"`),
  ),
  'an index without a name': table(
    ',method,learningRate,score',
    plain.map((line, index) => `${index},${line}`),
  ),
  'rates in other forms': table(
    'method,learningRate,score',
    'lora,"1e-4",1.2',
    'lora,3.16E-04,1.05',
    'lora,.001,1',
    'lora,+0.00316,1.05',
    'lora,01e-02,1.2',
  ),
  'German exponents': table(
    'method;learningRate;score',
    'lora;1,00E-04;1,2',
    'lora;3,16E-04;1,05',
    'lora;1,00E-03;1',
    'lora;3,16E-03;1,05',
    'lora;1,00E-02;1,2',
  ),
  'other names': table('Variant,LR,Eval Loss', plain),
  'more cells that are empty': table(
    'method,learningRate,score,',
    plain.map((line) => `${line},`),
  ),
};
for (const [name, text] of Object.entries(spellings))
  test(`${name}: the same rates and scores`, async () => {
    assert.equal(Object.values(await optimaOf(text, { scoreDirection: 'lower' })), ['0.0010']);
  });

test('signs between thousands are taken for such where nothing else is possible', async () => {
  const scores = ['1,900.5', '1,300.25', '1,100', '1,305', '1,890.75'];
  const text = table(
    'method,learningRate,score',
    scores.map((score, i) => `lora,${10 ** (i - 5)},"${score}"`),
  );
  assert.equal(await optimaOf(text, { scoreDirection: 'lower' }), { lora: '0.0010' });
  await inTemporaryFolder(async (folder) => {
    const path = join(folder, 'table.csv');
    await writeFile(path, text);
    assert.equal(
      readSweepCsv(path).runs.map(({ score }) => score),
      [1900.5, 1300.25, 1100, 1305, 1890.75],
    );
  });
});

const refused: readonly (readonly [name: string, text: string | Buffer, words: RegExp])[] = [
  [
    '1,234 alone',
    table('method,learningRate,score', 'lora,1,"1,234"', 'lora,2,"2,345"'),
    /score in .* line 2: expected a number that can be read in one way/,
  ],
  [
    'both decimal signs',
    table('method;learningRate;score', 'lora;0,001;1.5', 'lora;0,002;1.25'),
    /expected the decimal dot, as in 1\.5 elsewhere/,
  ],
  ['a percentage', asWritten.replace(',1.0000', ',50%'), /line 4: expected score to be a number.* got 50%/],
  [
    'a hexadecimal rate',
    asWritten.replace('0.00100000', '0x10'),
    /line 4: expected learningRate to be a positive number, got 0x10/,
  ],
  [
    'an infinite rate',
    asWritten.replace('0.00100000', 'inf'),
    /line 4: expected learningRate to be a positive number, got inf/,
  ],
  [
    'two columns of one name',
    table(
      'method,learningRate,score,score',
      plain.map((line) => `${line},7`),
    ),
    /column score of .*: expected one of this name/,
  ],
  [
    'a column without a name',
    table(
      'method,,learningRate,score',
      plain.map((line) => line.replace('lora', 'lora,x')),
    ),
    /a name for each column, got none for column 2/,
  ],
  [
    'two scores',
    table(
      'method,learningRate,eval_loss,eval_accuracy',
      plain.map((line) => `${line},0.5${line.length}`),
      'lora,1,3,0.1',
    ),
    /one column that can be the score, got eval_loss and eval_accuracy; say which with `columns: score=NAME`/,
  ],
  [
    'several objectives of Optuna',
    table('number,values_0,values_1,params_lr,state', '0,1,2,1e-3,COMPLETE'),
    /a column for the score.* its columns are number, values_0, values_1, params_lr, state/,
  ],
  [
    'a Latin-1 name',
    Buffer.from(asWritten.replace('lora', 'l\u00f6ra'), 'latin1'),
    /table\.csv line 2: expected text in UTF-8/,
  ],
  ['a workbook', Buffer.from('PK\u0003\u0004'), /a workbook of Excel's or another archive; save the sheet as CSV/],
  ['a compressed table', Buffer.from([0x1f, 0x8b, 8]), /a compressed file; gunzip it/],
];
for (const [name, text, words] of refused)
  test(`${name} is refused by name`, () => throwsClearly(() => readingOf(text), words));

test('a repeated row is said, and refused where seeds are numbered', async () => {
  const { notices } = await readingOf(table('method,learningRate,score', plain, plain[2]!), {
    scoreDirection: 'lower',
  });
  assert.match(notices.join('\n'), /count as runs under different seeds\n.*line 7 is the same as .*line 4: both count/);
  const seeded = plain.map((line) => `${line},0`);
  await throwsClearly(
    () => readingOf(table('method,learningRate,score,seed', seeded, seeded[2]!)),
    /line 7: .* a second row for lora, 0\.001, seed 0/,
  );
  // A second seed of another name tells repeats apart.
  const twice = [0, 1].map((seed) => plain.map((line) => `${line},0,${seed}`));
  assert.equal(
    await optimaOf(table('method,learningRate,score,seed,data_seed', ...twice), { scoreDirection: 'lower' }),
    { lora: '0.0010' },
  );
});

test('the name of a score says which way is better, and otherwise the curves do', async () => {
  const rising = curve(1e-3, (rate, loss) => `lora,${rate},${(2 - Number(loss)).toFixed(4)}`);
  assert.is((await readingOf(table('method,lr,eval/loss', plain))).direction, 'lower');
  assert.is((await readingOf(table('method,lr,eval/accuracy', rising))).direction, 'higher');
  assert.is((await readingOf(table('method,lr,value', rising))).direction, 'higher');
  // Half a curve: its name is all there is to tell by.
  assert.is((await readingOf(table('method,lr,eval_loss', plain.slice(0, 3)))).direction, 'lower');
  await throwsClearly(() => readingOf(table('method,lr,value', plain.slice(0, 3))), /say with `scoreDirection`/);
});

test("W&B's run table, and its API's columns of dicts", async () => {
  const quoted = curve(
    1e-3,
    (rate, loss) =>
      `"swift-${rate}","finished","","2026-01-02T00:00:00.000Z","62","${rate}","pissa","16","${loss}","0.9${loss}","0","300"`,
  );
  const header =
    '"Name","State","Notes","Created","Runtime","learning_rate","init_lora_weights","r","eval/loss","train/loss","train/learning_rate","train/global_step"';
  assert.equal(await optimaOf(table(header, quoted)), { pissa: '0.0010' });
  const python = (
    [
      [8, 1e-3],
      [64, 1e-4],
    ] as const
  ).map(([rank, best]) =>
    curve(best, (rate, loss) =>
      `${rank}-${rate},"{'_runtime': 3.5, 'eval/loss': ${loss}, 'note': None}","{'lr': ${rate}, 'peft': {'r': ${rank}, 'it''s': ""a'b""}, 'bf16': True, 'method': 'lora'}",run-${rank}-${rate}`.replace(
        "it''s",
        'x',
      ),
    ),
  );
  assert.equal(await optimaOf(table('id,summary,config,name', ...python)), {
    'lora, r 8': '0.0010',
    'lora, r 64': '0.00010',
  });
  const flat = curve(1e-3, (rate, loss) => `${rate},lora,${loss},finished`);
  assert.equal(await optimaOf(table('config.lr.value,config.method.value,summary.eval/loss,state', flat)), {
    lora: '0.0010',
  });
  const json = curve(
    1e-3,
    (rate, loss) => `"{""eval/loss"": ${loss}}","{""lr"": {""value"": ${rate}, ""desc"": null}}"`,
  );
  assert.equal(await optimaOf(table('summary,config', json)), { 'all runs': '0.0010' });
});

test("Ray Tune's results: trials that a scheduler ended early do not count", async () => {
  const header =
    'eval_loss,timestamp,done,training_iteration,trial_id,date,time_total_s,pid,hostname,node_ip,config/lr,config/method,config/batch_size,logdir';
  const lines = (
    [
      [16, 1e-3],
      [32, 1e-2],
    ] as const
  ).map(([batch, best]) =>
    curve(
      best,
      (rate, loss) =>
        `${loss},17,True,10,t${batch}${rate},2026-01-02_03-04-05,${rate}9,42,h,10.0.0.1,${rate},lora,${batch},l${batch}${rate}`,
    ),
  );
  const early = '0.1,17,True,2,early,2026-01-02_03-04-05,9,42,h,10.0.0.1,0.5,lora,16,learly';
  const running = '0.1,17,False,10,running,2026-01-02_03-04-05,9,42,h,10.0.0.1,0.5,lora,16,lrunning';
  const { best, notices } = await readingOf(table(header, ...lines, early, running));
  assert.equal(best, { 'lora, batch size 16': '0.0010', 'lora, batch size 32': '0.010' });
  assert.ok(
    notices.includes('left out 1 of 11 runs, which have fewer of training_iteration than others'),
    notices.join(),
  );
});

test("MLflow's search_runs: parameters are settings, metrics and tags are not", async () => {
  const header =
    'run_id,experiment_id,status,artifact_uri,start_time,end_time,metrics.eval_loss,metrics.learning_rate,metrics.train_loss,params.learning_rate,params.peft_type,params.lora_r,params.output_dir,params.seed,tags.mlflow.runName,tags.mlflow.user';
  const lines = (
    [
      [8, 1e-3],
      [16, 1e-4],
    ] as const
  ).flatMap(([rank, best]) =>
    [0, 1].map((seed) =>
      curve(
        best,
        (rate, loss) =>
          `id${rank}${rate}${seed},0,FINISHED,u${rate}${rank}${seed},s,e${rate},${loss},0.0,${seed}.5,${rate},LORA,${rank},/o/${rank}${rate}${seed},${seed},n${rate},me`,
      ),
    ),
  );
  const failed = 'idx,0,FAILED,ux,s,e,0.1,0.0,1,0.5,LORA,8,/o/x,0,nx,me';
  const { best } = await readingOf(table(header, ...lines, failed));
  assert.equal(best, { 'LORA, lora r 8': '0.0010', 'LORA, lora r 16': '0.00010' });
});

test('--columns names what a column is, in whatever case, and refuses what it cannot mean', async () => {
  const text = table(
    'Was,Eta0,Ziel',
    curve(1e-3, (rate, loss) => `lora,${rate},${loss}`),
  );
  assert.equal(await optimaOf(text, { given: 'method=Was,rate=eta0,score=Ziel', scoreDirection: 'lower' }), {
    lora: '0.0010',
  });
  await throwsClearly(
    () => readingOf(text, { given: 'rate=speed,score=Ziel' }),
    /the column of `columns`, speed, got none of this name; its columns are Was, Eta0, Ziel/,
  );
  for (const given of ['rate', 'rate=', 'speed=x', 'rate=a,rate=b', ''])
    await throwsClearly(async () => parseColumns(given), /^columns: expected one of rate, score, method, seed/);
});

test.run();
