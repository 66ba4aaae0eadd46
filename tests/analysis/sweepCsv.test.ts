import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readSweepCsv } from '../../analysis/rates/sweepCsv.ts';
import { LambdamaxError } from '../../errors.ts';

const test = suite('sweepCsv', { folder: '' });
test.before((context) => {
  context.folder = mkdtempSync(join(tmpdir(), 'lambdamax-'));
});
test.after((context) => rmSync(context.folder, { recursive: true }));

let files = 0;

function csv(folder: string, text: string): string {
  const path = join(folder, `sweep-${files++}.csv`);
  writeFileSync(path, text);
  return path;
}

function refuses(path: string, ...words: string[]): void {
  assert.throws(
    () => readSweepCsv(path, { scoreDirection: 'lower' }),
    (error: unknown) => error instanceof LambdamaxError && words.every((word) => error.message.includes(word)),
    `expected an error with ${words.join(', ')}`,
  );
}

test('reads every column, quoted names and a byte-order mark', ({ folder }) => {
  const path = csv(
    folder,
    '\ufeffmethod,learningRate,score,seed,lambdaMax,configuration,extra\n"a, b",2e-5,1.5,3,12.5,r8,x\n',
  );
  const sweep = readSweepCsv(path, { scoreDirection: 'lower' });
  assert.equal(sweep.runs, [
    { configuration: 'r8', method: 'a, b', learningRate: 2e-5, seed: 3, score: 1.5, status: 'finished' },
  ]);
  assert.is(sweep.configurations[0]!.configuration, 'r8');
  assert.ok(Math.abs(sweep.configurations[0]!.lambdaMax! - 12.5) < 1e-12);
});

test('empty, nan and inf scores, and status diverged, are diverged runs', ({ folder }) => {
  const rows = ['a,1,,finished', 'a,2,NaN,', 'a,3,inf,', 'a,4,9.5,diverged', 'a,5,2,finished'];
  const path = csv(folder, `method,learningRate,score,status\n${rows.join('\n')}\n`);
  const { runs } = readSweepCsv(path, { scoreDirection: 'lower' });
  assert.equal(
    runs.map((run) => run.status),
    ['diverged', 'diverged', 'diverged', 'diverged', 'finished'],
  );
});

test('without a seed column repeated rows are seeds; with one they are an error', ({ folder }) => {
  const path = csv(folder, 'method,learningRate,score\na,1e-3,1\na,1e-3,2\nb,1e-3,3\n');
  assert.equal(
    readSweepCsv(path, { scoreDirection: 'lower' }).runs.map((run) => run.seed),
    [0, 1, 0],
  );
  refuses(csv(folder, 'method,learningRate,score,seed\na,1e-3,1,0\na,0.001,2,0\n'), 'line 3', 'second row');
});

test('lambdaMax that differs between rows is their geometric mean', ({ folder }) => {
  const path = csv(folder, 'method,learningRate,score,lambdaMax\na,1e-3,1,4\na,2e-3,2,9\na,3e-3,2,\n');
  assert.ok(Math.abs(readSweepCsv(path, { scoreDirection: 'lower' }).configurations[0]!.lambdaMax! - 6) < 1e-12);
});

test('tells from the curves which way is better, and asks where they do not show it', ({ folder }) => {
  const scores = (values: readonly number[]): string =>
    csv(folder, `method,learningRate,score\n${values.map((value, i) => `a,${2 ** i},${value}`).join('\n')}\n`);
  assert.is(readSweepCsv(scores([3, 2, 2.5])).scoreDirection, 'lower');
  assert.is(readSweepCsv(scores([30, 50, 20])).scoreDirection, 'higher');
  assert.throws(
    () => readSweepCsv(scores([3, 2, 1])),
    (error: unknown) => error instanceof LambdamaxError && error.message.includes('lower or higher'),
  );
});

test('scores from 0 to 1 of which higher is better are shares, with what stands beside them', ({ folder }) => {
  const head = 'method,learningRate,score,validationLoss,accuracyLow,accuracyHigh';
  const lines = ['a,1,0,2.5,0,0.02', 'a,2,0,2,0,0.02', 'a,4,0,,,', 'a,8,,,,'];
  const { scoreDirection, isShare, runs } = readSweepCsv(csv(folder, `${[head, ...lines].join('\n')}\n`));
  assert.equal([scoreDirection, isShare], ['higher', true]);
  assert.equal(
    runs.map(({ interval, loss }) => [interval, loss]),
    [
      [[0, 0.02], 2.5],
      [[0, 0.02], 2],
      [null, null],
      [null, null],
    ],
  );
  const points = csv(folder, 'method,learningRate,score\na,1,30\na,2,50\na,4,20\n');
  assert.is(readSweepCsv(points).isShare, false);
  const losses = csv(folder, 'method,learningRate,score\na,1,0.3\na,2,0.1\na,4,0.2\n');
  assert.is(readSweepCsv(losses).isShare, false);
});

for (const moment of ['step', 'epoch', 'train/global_step', '_step'])
  test(`rows of one run at several moments (${moment}) are no seeds of it`, ({ folder }) => {
    const rows = ['1e-4', '1e-3', '1e-2'].flatMap((rate) =>
      [10, 20].map((at) => `lora,${rate},${at},${2 - at / 20 + Math.abs(Math.log10(Number(rate)) + 3)}`),
    );
    const path = csv(folder, [`method,lr,${moment},eval_loss`, ...rows].join('\n'));
    refuses(path, 'line 3', 'one row for each run', `${moment} 20 after 10 of lora at 0.0001`, `ignore=${moment}`);
    const sweep = readSweepCsv(path, { scoreDirection: 'lower', columns: { ignore: [moment] } });
    assert.is(sweep.runs.length, 6);
  });

test('a table of ours says which configurations miss runs, and what was measured of each', ({ folder }) => {
  const head =
    'configuration,method,learning_rate,seed,score,status,scored_by,trained_by,runs_planned,lambda_max,price_probes';
  const lora = [1e-3, 2e-3].map((rate) => `lora,lora,${rate},0,1.5,finished,validation loss,adamw,2,4,97`);
  const pissa = ['pissa,pissa,0.001,0,1.4,finished,validation loss,adamw,3,,'];
  const sweep = readSweepCsv(csv(folder, [head, ...lora, ...pissa, ''].join('\n')));
  assert.equal(sweep.progress, { done: 3, planned: 5, unfinished: ['pissa'] });
  assert.equal([sweep.scoreDirection, sweep.context], ['lower', { optimizer: 'adamw', score: 'validation loss' }]);
  assert.equal(
    sweep.configurations.map(({ configuration, lambdaMax, prices }) => [configuration, lambdaMax, prices]),
    [
      ['lora', 4, { probes: 97 }],
      ['pissa', undefined, {}],
    ],
  );
  const mixed = [head, ...lora, pissa[0]!.replace('validation loss', 'accuracy'), ''].join('\n');
  refuses(csv(folder, mixed), 'compared in one way', 'validation loss and accuracy');
});

test('a bad row is named by its line', ({ folder }) => {
  const head = 'method,learningRate,score,seed,lambdaMax\nlora,1e-3,2.5,0,1\n';
  refuses(csv(folder, `${head}lora,-1e-3,2.5,0,1\n`), 'line 3', 'learningRate', 'positive', '-1e-3');
  refuses(csv(folder, `${head}lora,0,2.5,0,1\n`), 'line 3', 'learningRate');
  refuses(csv(folder, `${head}\nlora,fast,2.5,0,1\n`), 'line 4', 'learningRate', 'fast');
  refuses(csv(folder, `${head}lora,2e-3,good,0,1\n`), 'line 3', 'score', 'good');
  refuses(csv(folder, `${head}lora,2e-3,2,x,1\n`), 'line 3', 'seed', 'x');
  refuses(csv(folder, `${head}lora,2e-3,2,0,-4\n`), 'line 3', 'lambdaMax', '-4');
  refuses(csv(folder, `${head},2e-3,2,0,1\n`), 'line 3', 'method');
  refuses(csv(folder, `${head}lora,2e-3\n`), 'as many fields');
});

test('a missing file, an empty one, a header alone and missing columns are told apart', ({ folder }) => {
  refuses(join(folder, 'absent.csv'), 'absent.csv', 'readable CSV file');
  refuses(csv(folder, ''), 'an empty file');
  refuses(csv(folder, 'method,learningRate,score\n'), 'a header only');
  refuses(
    csv(folder, 'method,speed,gain\nlora,1,2\n'),
    'learning rate',
    'score',
    '`columns: rate=NAME',
    'method, speed, gain',
  );
});

test.run();
