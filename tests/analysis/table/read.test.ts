import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { predict } from '../../../analysis/rates/predictor.ts';
import { readSweepCsv } from '../../../analysis/rates/sweepCsv.ts';
import { parseColumns } from '../../../analysis/table/columns.ts';
import { curve, optimaOf, readingOf, table, tableFixture } from '../../cases/tables.ts';
import { inTemporaryFolder } from '../../cases/temporaryFolder.ts';
import { resultOf } from '../../oracles/commands.ts';
import { throwsClearly } from '../../oracles/throws.ts';

test('the tables of the fixtures have the best rates that they were made with', async () => {
  const best = async (name: string) => optimaOf(await readFile(tableFixture(name)), { scoreDirection: 'lower' });
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
  const { runs } = readSweepCsv(tableFixture('nans.csv'));
  assert.equal(
    runs.filter(({ status }) => status === 'diverged').map(({ learningRate }) => learningRate),
    [3.2e-3, 1e-2, 3.2e-2],
  );
});

test('predict reads them by name of columns, and says on standard error what it left out', async () => {
  const { points } = await resultOf<ReturnType<typeof predict>>(
    'predict',
    '--csv',
    tableFixture('ranks.csv'),
    '--better',
    'lower',
  );
  assert.is(points.length, 4);
  const options = ['--columns', 'rate=params_learning_rate,score=user_attrs_train_loss,setting=params_rank'];
  const other = await resultOf<ReturnType<typeof predict>>('predict', '--csv', tableFixture('optuna.csv'), ...options);
  assert.ok(Math.abs(Math.min(...other.points.map(({ optimum }) => optimum.score)) - 0.9) < 1e-9);
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
