import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { aboutCurvature, gridAbout } from '../../study/aboutCurvature.ts';
import { expectedRuns, studyProgress } from '../../study/sweep/progress.ts';
import { commandLine } from '../cases/commandLine.ts';
import { someConfiguration, somePlan } from '../cases/studies.ts';
import { inTemporaryFolder } from '../cases/temporaryFolder.ts';
import { tinyStudy } from '../cases/tinyStudy.ts';
import { failsClearly, resultOf } from '../oracles/commands.ts';

test('five rates of one lattice lie about a rate, whatever it is', () => {
  assert.equal(gridAbout(1.1e-3), [2.5e-4, 5e-4, 1e-3, 2e-3, 4e-3]);
  assert.equal(gridAbout(4.5e-3), gridAbout(3.6e-3));
  for (const none of [null, 0, Number.NaN]) assert.is(gridAbout(none), null);
  for (const rate of [3e-6, 7e-3, 0.4]) {
    const grid = gridAbout(rate)!;
    // The middle one is the nearest of the lattice.
    assert.ok(Math.abs(Math.log2(rate / grid[2]!)) <= 0.5, `${rate}`);
    assert.ok(grid.every((one, at) => at === 0 || Math.abs(one / grid[at - 1]! - 2) < 1e-3));
  }
});

test('a configuration without a recommended rate keeps the grid of all, and one with a grid keeps its own', () => {
  const configurations = [someConfiguration(), someConfiguration({ method: 'pissa' })];
  const plan = somePlan({ configurations, isAboutCurvature: true });
  const said = (rate: number) =>
    aboutCurvature(plan, ({ method }) =>
      method === 'lora' ? [{ rates: { curvature: rate }, gradientEvaluations: 28 }] : [],
    );
  const first = said(2e-3);
  assert.equal(Object.values(first.grids!), [gridAbout(2e-3)]);
  const again = aboutCurvature(first, () => [{ rates: { curvature: 1 }, gradientEvaluations: 28 }]);
  assert.equal(Object.values(again.grids!), [gridAbout(2e-3), gridAbout(1)]);
});

test('the runs that are expected count refinement, further seeds, and what an extension usually adds', () => {
  const [configuration] = somePlan().configurations;
  const runs = (changes: Parameters<typeof somePlan>[0]) => expectedRuns(somePlan(changes), configuration!);
  const bare = { seeds: [0], refinements: 0, mostRates: 0 };
  assert.is(runs(bare), 3);
  assert.is(runs({ ...bare, mostRates: 20 }), 4);
  assert.is(runs({ ...bare, refinements: 2 }), 7);
  assert.is(runs({ ...bare, seeds: [0, 1, 2], seedsNearBest: 1 }), 9);
  // What a folder says is still to come is only what is certain.
  assert.is(studyProgress(somePlan({ ...bare, mostRates: 20 }), []).planned, 6);
});

interface Study {
  readonly runs: number;
  readonly added: number;
}

test('a study about the rates that curvature recommends has them in its plan, and goes on with them', () =>
  inTemporaryFolder(async (folder) => {
    const study = join(folder, 'study');
    const argv = await tinyStudy(folder, ['--study', study, '--lr', 'curvature']);
    const { code, stdout, stderr } = await commandLine([...argv, '--json']);
    assert.is(code, 0, stderr);
    assert.equal((JSON.parse(stdout) as Study).runs, 10);
    // What runs is named, and at once.
    assert.match(stderr, /^study 0\/18 {2}rate of lora by curvature$/m);
    assert.match(stderr, /(lora|pissa) at [\d.e-]+, seed 0/);
    const plan = JSON.parse(await readFile(join(study, 'study.json'), 'utf8')) as { grids: Record<string, number[]> };
    assert.equal(
      Object.values(plan.grids).map(({ length }) => length),
      [5, 5],
    );
    const again = await resultOf<Study>(...argv);
    assert.equal([again.runs, again.added], [10, 0]);
    const more = await resultOf<Study>(...argv.map((word) => (word === 'lora,pissa' ? 'lora,pissa,olora' : word)));
    assert.equal([more.runs, more.added], [15, 5]);
    await failsClearly(['sweep', ...argv.slice(1, -10), '--lr', 'curvature'], 2, /--lr: expected rates/);
    await failsClearly(
      [...argv, '--predictors', 'none'],
      2,
      /--lr: expected rates, where --predictors has no curvature/,
    );
  }));

test.run();
