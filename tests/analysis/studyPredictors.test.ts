import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readStudyFindings } from '../../study/findings.ts';
import { readMeasurements } from '../../study/folder/measured.ts';
import { openStudy } from '../../study/folder/record.ts';
import { askOn } from '../../study/measure/askPredictor.ts';
import { studyPredictors } from '../../study/measure/predictors.ts';
import { type StudyPredictorOptions, studyPredictorNames } from '../../study/plan/measurements.ts';
import type { StudyPlan } from '../../study/plan/plan.ts';
import { sweep } from '../../study/sweep/sweep.ts';
import { toTokenRows } from '../../training/data/examples.ts';
import { referenceModel } from '../cases/reference.ts';
import { parabolaResult, someConfiguration, somePlan } from '../cases/studies.ts';
import { inTemporaryFolder } from '../cases/temporaryFolder.ts';
import { randomRows } from '../cases/tokenFiles.ts';

// Of few tokens, so that what one batch teaches lowers the loss of another.
const { rows } = toTokenRows(
  randomRows(12, 1).map(({ input_ids, labels }) => ({
    input_ids: input_ids.map((id) => id % 4),
    labels: labels.map((id) => (id < 0 ? id : id % 4)),
  })),
  { maxLength: 64 },
);

function tinyPlan(steps: number, optimizer = 'adamw'): StudyPlan {
  const usual = someConfiguration().optimizer;
  const changes = { rank: 2, targetModules: 'q_proj', steps, batchSize: 3, optimizer: { ...usual, name: optimizer } };
  return somePlan({ configurations: [someConfiguration(changes)] });
}

/** Asks predictors in a study folder; returns what lies there afterwards, by predictor, and which were asked anew. */
async function ask(folder: string, plan: StudyPlan, options: StudyPredictorOptions) {
  await using model = await referenceModel('llama', 'float32');
  const before = new Set((await readMeasurements(folder, 'predictors')).map((one) => JSON.stringify(one)));
  await studyPredictors(plan, folder, options, { ask: askOn(model, plan, rows) });
  const stored = (await readMeasurements(folder, 'predictors')) as unknown as {
    readonly predictor: string;
    readonly rates: Readonly<Record<string, number | null>>;
    readonly gradientEvaluations: number;
    readonly reason?: string;
  }[];
  const anew = stored.filter((one) => !before.has(JSON.stringify(one))).map(({ predictor }) => predictor);
  return { by: new Map(stored.map((one) => [one.predictor, one])), anew: anew.sort() };
}

test('each predictor is asked once, and again only if what it depends on has changed', () =>
  inTemporaryFolder(async (folder) => {
    const plan = tinyPlan(16);
    await (await openStudy(folder, plan)).release();
    const options = { names: studyPredictorNames, probeBudget: 4 };
    const first = await ask(folder, plan, options);
    assert.equal(first.anew, [...studyPredictorNames].sort());
    const { rates, gradientEvaluations } = first.by.get('probes')!;
    assert.ok(rates.probes! > 0);
    assert.ok(gradientEvaluations <= 4 * 16);
    assert.equal(Object.keys(first.by.get('curvature')!.rates).sort(), [
      'critical-rate',
      'curvature',
      'line-search',
      'update-curvature',
    ]);
    assert.ok(first.by.get('halving')!.rates.halving! > 0);
    assert.ok(first.by.get('halving')!.gradientEvaluations <= 4 * 16);
    assert.ok(first.by.get('range-test')!.gradientEvaluations <= 80);
    assert.is(first.by.get('rule-of-thumb')!.gradientEvaluations, 0);
    assert.equal((await ask(folder, plan, options)).anew, []);
    assert.equal((await ask(folder, plan, { ...options, probeBudget: 5 })).anew, ['halving', 'probes']);
    // Fewer are none anew, and what the others said is kept for when they are asked again.
    const fewer = await ask(folder, plan, { ...options, names: ['curvature'] });
    assert.equal([fewer.anew, fewer.by.size], [[], studyPredictorNames.length]);

    const asked = { ...plan, predictors: { ...options, names: ['curvature' as const] } };
    await sweep(asked, { study: folder, execute: async (run) => parabolaResult(run) });
    const { sweep: found } = await readStudyFindings(folder);
    assert.is(found.configurations[0]!.predictedRates!.curvature, fewer.by.get('curvature')!.rates.curvature);
    assert.is(found.configurations[0]!.predictedRates!.probes, undefined);
    assert.is(found.configurations[0]!.prices!['line-search'], fewer.by.get('curvature')!.gradientEvaluations);
  }));

test('one that cannot say anything says why, and the study goes on', () =>
  inTemporaryFolder(async (folder) => {
    const { by } = await ask(folder, tinyPlan(16, 'sgd'), { names: ['curvature', 'rule-of-thumb'], probeBudget: 1 });
    assert.equal(by.get('curvature')!.rates, {});
    assert.match(by.get('curvature')!.reason!, /sgd/);
    assert.ok(by.get('rule-of-thumb')!.rates['rule-of-thumb']! > 0);
    const dear = await ask(folder, tinyPlan(16), { names: ['probes'], probeBudget: 0.1 });
    assert.match(dear.by.get('probes')!.reason!, /budget of the probes/);
  }));

test.run();
