import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type RecommendOptions, recommend } from '../../../analysis/recommend/recommend.ts';
import { createAdapter } from '../../../training/adapters/create.ts';
import { toTokenRows } from '../../../training/data/examples.ts';
import { finetune } from '../../../training/finetune/finetune.ts';
import { referenceModel } from '../../cases/reference.ts';
import { randomRows } from '../../cases/tokenFiles.ts';
import { assertClose } from '../../oracles/close.ts';
import { throwsClearly } from '../../oracles/throws.ts';

// Rows of random tokens: what can be learned of them is learned by heart, which takes no large model.
const rows = toTokenRows(
  randomRows(40, 1).map((row) => ({ ...row })),
  { maxLength: 64 },
).rows;
const validation = rows.slice(0, 16);
const run: RecommendOptions = {
  ...{ optimizer: 'adamw', schedule: 'cosine', steps: 40, warmupSteps: 2, batchSize: 4, seed: 0, shuffle: true },
};

test('by probes: a rate at which training goes about as well as at the best of a sweep, within its budget', async () => {
  await using model = await referenceModel('llama', 'float32');
  const start = await createAdapter(model, { method: 'lora', rank: 2, alpha: 4, rows });
  const before = start.parameters.slice();
  const told: number[] = [];
  const found = await recommend(model, start, rows, {
    ...run,
    budget: 2,
    validation,
    onProgress: ({ gradientEvaluations }) => told.push(gradientEvaluations),
  });
  assert.equal(start.parameters, before);
  assert.is(found.by, 'probes');
  assert.is(found.steps, 40);
  assert.ok(found.low < found.learningRate && found.learningRate < found.high);
  assert.ok(found.gradientEvaluations <= 80 && found.gradientEvaluations > 20, `${found.gradientEvaluations}`);
  assert.is(told.length, 1 + found.probes.length);
  assert.equal(
    told,
    told.toSorted((a, b) => a - b),
  );
  assert.match(found.basis, /probe runs of \d+( to \d+)? steps/);
  assert.match(found.basis, /sees its rows/);

  const lossAt = async (learningRate: number): Promise<number> => {
    const adapter = { ...start, parameters: start.parameters.slice() };
    const { status, finalLoss } = await finetune(model, adapter, rows, { ...run, learningRate });
    return status === 'diverged' ? Number.POSITIVE_INFINITY : finalLoss!;
  };
  const at = await lossAt(found.learningRate);
  for (const factor of [1 / 30, 30]) {
    const other = await lossAt(factor * found.learningRate);
    assert.ok(at < other, `${at} at ${found.learningRate}, ${other} at ${factor} times that`);
  }

  const { seconds: _, ...again } = await recommend(model, start, rows, { ...run, budget: 2, validation });
  const { seconds: __, alongUpdate, ...first } = found;
  assert.equal({ ...again, alongUpdate: null }, { ...first, alongUpdate: null });
  assert.is(again.alongUpdate!.lineSearch.learningRate, alongUpdate!.lineSearch.learningRate);
});

test('by curvature: no run beyond the warm-up, and an interval that widens with the length of the run', async () => {
  await using model = await referenceModel('llama', 'float32');
  const start = await createAdapter(model, { method: 'pissa', rank: 2, rows });
  const found = await recommend(model, start, rows, { ...run, steps: 100, by: 'curvature' });
  assert.equal(found.probes, []);
  assert.is(found.ended, null);
  assert.is(found.gradientEvaluations, found.alongUpdate!.gradientEvaluations);
  assert.ok(found.gradientEvaluations < 60);
  assert.match(found.basis, /line search/);
  const longer = await recommend(model, start, rows, { ...run, steps: 10_000, by: 'curvature' });
  const width = ({ low, high }: typeof found): number => Math.log(high / low);
  assert.ok(width(longer) > 1.1 * width(found));
  assertClose([Math.sqrt(longer.low * longer.high)], [longer.learningRate], 1e-9, 'the middle of the interval');
});

test('probes begin where they are told to, and score on the rows that they are given', async () => {
  await using model = await referenceModel('llama', 'float32');
  const start = await createAdapter(model, { method: 'lora', rank: 2, rows });
  const options = { ...run, budget: 1.5, start: 2e-2, optimizer: 'sgd', validation: rows.slice(0, 4) };
  const found = await recommend(model, start, rows, options);
  assert.is(found.alongUpdate, null);
  assert.is(found.probes[0]!.learningRate, 2e-2);
  assert.match(found.basis, /scored on 4 rows/);
});

test('too little of anything is an error that says what is missing', async () => {
  await using model = await referenceModel('llama', 'float32');
  const start = await createAdapter(model, { method: 'lora', rank: 2, rows });
  const one = rows.slice(0, 1);
  await throwsClearly(() => recommend(model, start, one, run), /rows for a recommendation/, /to score with/, /1/);
  await throwsClearly(() => recommend(model, start, [], { ...run, by: 'curvature' }), /rows for a recommendation/);
  await throwsClearly(() => recommend(model, start, rows, run), /budget of the probes/, /`by: curvature`/);
  await throwsClearly(() => recommend(model, start, rows, { ...run, optimizer: 'sgd' }), /start: expected/, /not sgd/);
  const ruined = { ...run, start: 1e9, budget: 0.9, maxLoss: 1e-9 };
  await throwsClearly(() => recommend(model, start, rows, ruined), /probe runs/, /does not diverge/);
});

test('two rows train and score alike', async () => {
  await using model = await referenceModel('llama', 'float32');
  const start = await createAdapter(model, { method: 'lora', rank: 2 });
  const found = await recommend(model, start, rows.slice(0, 2), { ...run, batchSize: 2, budget: 1.5 });
  assert.ok(found.learningRate > 0);
  assert.match(found.basis, /scored on 2 rows/);
});

test.run();
