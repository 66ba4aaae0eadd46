import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { lawLines, laws } from '../../bench/laws.ts';
import { foldError, geometricMean } from '../../numerics/statistics.ts';

const rows = laws();

test('the paper’s figures by hand: each method predicted by c / sqrt(lambda_max), c from the others', () => {
  const { methods } = JSON.parse(readFileSync('fixtures/published/lr-matters-figures.json', 'utf8')) as {
    methods: { optimalLearningRate: number; lambdaMaxRatioMedian?: number }[];
  };
  const known = methods.flatMap(({ optimalLearningRate: rate, lambdaMaxRatioMedian: lambda }) =>
    lambda === undefined ? [] : [{ rate, product: rate * Math.sqrt(lambda) }],
  );
  const folds = known.map((one) =>
    foldError(geometricMean(known.filter((other) => other !== one).map(({ product }) => product)), one.product),
  );
  const [figures] = rows;
  assert.is(figures!.count, 6);
  assert.ok(Math.abs(figures!.root.value / geometricMean(folds) - 1) < 1e-9, `${figures!.root.value}`);
});

test('a change of scale allows gradient descent the power 1, and Adam 1/2', () => {
  assert.equal(
    rows.map(({ optimizer, expected }) => [optimizer, expected]),
    [...Array.from({ length: 7 }, () => ['adamw', 0.5]), ['sgd', 1]],
  );
});

test('the page on theory has the table as it comes out', () => {
  assert.ok(readFileSync('docs/theory.md', 'utf8').includes(`\n\n${lawLines(rows).join('\n')}\n\n`));
});

test.run();
