import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { predict } from '../../analysis/rates/predictor.ts';
import { commandLine } from '../cases/commandLine.ts';
import { inTemporaryFolder } from '../cases/temporaryFolder.ts';
import { assertClose } from '../oracles/close.ts';
import { onlyObject, resultOf } from '../oracles/commands.ts';

type Prediction = ReturnType<typeof predict>;

const published = (name: string) => fileURLToPath(new URL(`../../fixtures/published/${name}`, import.meta.url));
const sweep = published('lr-matters-qwen3-0.6b-sweep.csv');

interface PublishedMethod {
  readonly method: string;
  readonly optimalLearningRate: number;
  readonly peakAccuracy: number;
  readonly lambdaMaxRatioMedian?: number;
}

const { methods } = JSON.parse(readFileSync(published('lr-matters-figures.json'), 'utf8')) as {
  methods: PublishedMethod[];
};

/** The factor between neighbouring rates of the published sweep; its printed rates have three digits. */
const gridStep = 10 ** 0.25 * 1.01;

for (const direction of [[], ['--better', 'higher']])
  test(`the published optima and peaks come out of the published sweep ${direction.join(' ')}`, async () => {
    const { points, scoreDirection } = await resultOf<Prediction>('predict', '--csv', sweep, ...direction);
    assert.is(scoreDirection, 'higher');
    assert.ok(points.length >= 5);
    for (const { method, optimum } of points) {
      const { optimalLearningRate, peakAccuracy } = methods.find((published) => published.method === method)!;
      const fold = Math.abs(Math.log(optimum.learningRate / optimalLearningRate));
      assert.ok(fold <= Math.log(gridStep), `${method}: ${optimum.learningRate}, published ${optimalLearningRate}`);
      assert.ok(
        Math.abs(optimum.score - peakAccuracy) < 0.02,
        `${method}: ${optimum.score}, published ${peakAccuracy}`,
      );
      assert.ok(optimum.low <= optimum.learningRate && optimum.learningRate <= optimum.high);
      assert.not(optimum.atGridEdge);
    }
  });

test('--better lower turns the search around', async () => {
  const { points, scoreDirection } = await resultOf<Prediction>('predict', '--csv', sweep, '--better', 'lower');
  assert.is(scoreDirection, 'lower');
  const { points: best } = await resultOf<Prediction>('predict', '--csv', sweep, '--better', 'higher');
  for (const { method, optimum } of points)
    assert.ok(optimum.score < best.find((point) => point.method === method)!.optimum.score, method);
});

test('curvature beside the published rates gives the power law that the paper reports', () =>
  inTemporaryFolder(async (folder) => {
    const ratios = new Map(methods.map(({ method, lambdaMaxRatioMedian }) => [method, lambdaMaxRatioMedian]));
    const [header, ...lines] = readFileSync(sweep, 'utf8').trimEnd().split('\n');
    const known = lines.filter((line) => ratios.get(line.split(',')[0]!) !== undefined);
    const table = join(folder, 'sweep.csv');
    await writeFile(
      table,
      `${[`${header},lambdaMax`, ...known.map((line) => `${line},${ratios.get(line.split(',')[0]!)}`)].join('\n')}\n`,
    );
    const { points, predictors, verdict } = await resultOf<Prediction>('predict', '--csv', table);
    for (const { method, lambdaMax } of points) assertClose([lambdaMax!], [ratios.get(method)!], 1e-12, method);
    const rule = predictors.find(({ name }) => name === 'two-over-lambda')!;
    // The higher the curvature, the lower the best rate: all methods are in order, though not in proportion.
    assert.ok(rule.spearman! > 0.85, `Spearman ${rule.spearman}`);
    assert.ok(rule.slope! > 0.5 && rule.slope! < 1, `slope ${rule.slope}`);
    assert.not.match(verdict, /\n|NaN|undefined/);
  }));

test('standard output is one object, and in words a table and the verdict', async () => {
  const outcome = await commandLine(['predict', '--csv', sweep, '--json']);
  assert.is(outcome.stderr, '');
  const { verdict, points } = onlyObject<Prediction>(outcome);
  const { stdout } = await commandLine(['predict', '--csv', sweep]);
  assert.ok(stdout.endsWith(`\n${verdict}\n`));
  for (const { configuration } of points) assert.match(stdout, new RegExp(`^${configuration} `, 'm'));
});

test.run();
