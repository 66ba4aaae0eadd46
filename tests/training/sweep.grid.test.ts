import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ArgumentError } from '../../errors.ts';
import { automaticGrid } from '../../study/search/extend.ts';
import { logspace, parseGrid } from '../../study/search/grid.ts';

const good: readonly (readonly [expression: string, rates: readonly number[]])[] = [
  ['2e-5', [2e-5]],
  ['2e-5,1e-5', [1e-5, 2e-5]],
  ['1e-5, 1e-5, 2e-5', [1e-5, 2e-5]],
  ['[1e-3, 1e-5]', [1e-5, 1e-3]],
  ['logspace(1e-5,1e-2,4)', [1e-5, 1e-4, 1e-3, 1e-2]],
  ['logspace(1e-2,1e-5,4)', [1e-5, 1e-4, 1e-3, 1e-2]],
  ['logspace(3e-4,1,1)', [3e-4]],
  ['range(1e-4,4e-4,1e-4)', [1e-4, 2e-4, 3e-4]],
  ['10.^range(-4,-1,1)', [1e-4, 1e-3, 1e-2]],
  ['1e-3*[1,2,4]', [1e-3, 2e-3, 4e-3]],
  ['logspace(1e-4,1e-3,2), 5e-4', [1e-4, 5e-4, 1e-3]],
  ['sqrt(1e-4)/2', [5e-3]],
];
for (const [expression, rates] of good) {
  test(`grid ${expression}`, () => assert.equal(parseGrid(expression), rates));
}

test('auto stays auto, and what it stands for is a grid', () => {
  assert.is(parseGrid(' auto '), 'auto');
  assert.equal(parseGrid(automaticGrid.join(',')), [...automaticGrid]);
});

test('neighbours of logspace are the same factor apart and its ends are exact', () => {
  const rates = logspace(1e-5, 1e-2, 13);
  assert.is(rates[0], 1e-5);
  assert.is(rates.at(-1), 1e-2);
  for (let at = 1; at < rates.length; at++) {
    assert.ok(Math.abs(rates[at]! / rates[at - 1]! - 10 ** 0.25) < 1e-12);
  }
});

const bad: readonly string[] = [
  '',
  '-1e-3',
  '1e-3,-2e-3',
  '0',
  '1/0',
  '1e-400',
  'sqrt(-1)',
  '0/0',
  'high',
  '1e-5,,2e-5',
  '1e-5 2e-5',
  '1e-3 cm',
  'true',
  '"1e-3"',
  'logspace(1e-5,1e-2)',
  'logspace(-5,-2,4)',
  'logspace(1e-5,1e-2,2.5)',
  'range(1e-4,1e-3,0)',
  'range(1,0,0.1)',
  '1e-5:1e-3',
];
const hostile: readonly string[] = [
  'import({ pi: 3 })',
  'createUnit("lr")',
  'evaluate("1")',
  'parse("1")',
  'config({})',
  'cos.constructor("return process")()',
  'logspace.constructor("return process.exit()")',
  'constructor',
  '__proto__',
  'f(x)=f(x)',
  'a=1',
  '1];[2',
  'logspace(1e-5,1e-2,1e9)',
  'range(0,1,1e-12)',
  'range(0,1,1e-3)',
  `${'('.repeat(7000)}1`,
  '1,'.repeat(100_000),
  Array.from({ length: 201 }, (_, index) => `${index + 1}e-6`).join(','),
];
for (const expression of [...bad, ...hostile]) {
  test(`no grid: ${expression.slice(0, 60)}`, () => {
    assert.throws(
      () => parseGrid(expression),
      (error: unknown) =>
        error instanceof ArgumentError && error.message.startsWith('learningRate: ') && !error.message.includes('\n'),
    );
  });
}

test('a bad rate is named', () => {
  assert.throws(() => parseGrid('1e-3,-2e-3'), /got -0\.002/);
  assert.throws(
    () => parseGrid('-1', 'grid'),
    (error: unknown) => (error as Error).message.startsWith('grid: '),
  );
});

test.run();
