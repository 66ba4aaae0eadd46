import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type SharpnessOptions, sharpnessAlongTraining } from '../../analysis/curvature/sharpnessAlongTraining.ts';
import { spectrum } from '../../analysis/curvature/spectrum.ts';
import { mean } from '../../numerics/statistics.ts';
import { createAdapter } from '../../training/adapters/create.ts';
import { type FinetuneOptions, finetune } from '../../training/finetune/finetune.ts';
import type { Sharpness, StepMetrics } from '../../training/finetune/metrics.ts';
import { finetuneInFolder } from '../../training/finetune/runFolder.ts';
import type { RunState } from '../../training/finetune/runState.ts';
import { layoutTensors } from '../../training/layout/layout.ts';
import type { Model } from '../../training/model.ts';
import { referenceModel, referenceRows } from '../cases/reference.ts';
import { inTemporaryFolder } from '../cases/temporaryFolder.ts';
import { assertClose } from '../oracles/close.ts';

const rows = referenceRows('llama');
const options: FinetuneOptions = {
  optimizer: 'adamw',
  learningRate: 1e-2,
  schedule: 'cosine',
  steps: 6,
  warmupSteps: 1,
  batchSize: 2,
  seed: 3,
  shuffle: true,
};

function someAdapter(model: Model) {
  return createAdapter(model, { method: 'lora', rank: 2, targetModules: 'q_proj,v_proj', initSeed: 1 });
}

/** The sharpness of each measured step of a run, by step, and where the run ended. */
async function measuredRun(model: Model, changes: Partial<FinetuneOptions>, how: Partial<SharpnessOptions> = {}) {
  const adapter = await someAdapter(model);
  const measured = new Map<number, Sharpness>();
  let state: RunState | undefined;
  await finetune(model, adapter, rows, {
    ...{ ...options, sharpnessEvery: 2, ...changes },
    measureSharpness: sharpnessAlongTraining(model, rows, { batchSize: 3, ...how }),
    onStep: ({ step, sharpness }) => sharpness && measured.set(step, sharpness),
    onSave: async (saved) => {
      state = saved;
    },
  });
  return { adapter, measured, state: state! };
}

test('the Hessian is that of the point, and Adam’s P is made of its moments with both bias corrections', async () => {
  await using model = await referenceModel('llama', 'float64');
  const { adapter, measured, state } = await measuredRun(model, {}, { tolerance: 1e-9 });
  assert.equal([...measured.keys()], [2, 4, 6]);
  const { hessian, effective, threshold, limit } = measured.get(6)!;
  const { steps, vectors } = state.optimizer;
  const preconditioner = vectors.secondMoment!.map(
    (moment) => (1 - 0.9 ** steps) * (Math.sqrt(moment / (1 - 0.999 ** steps)) + 1e-8),
  );
  const search = { batchSize: 3, tolerance: 1e-9, maxSteps: 300 };
  const plain = await spectrum(model, adapter, rows, search);
  const asAdam = await spectrum(model, adapter, rows, { ...search, preconditioner });
  assertClose([hessian!, effective!], [plain.lambdaMax.value, asAdam.lambdaMax.value], 1e-8);
  // Of five steps after the warm-up the last has a rate of cos^2(0.4 pi) times the peak.
  const rate = 1e-2 * Math.cos(0.4 * Math.PI) ** 2;
  assertClose([threshold!], [38 / rate], 1e-12);
  assertClose([limit!], [asAdam.thresholds.adam!], 1e-8);
});

test('what has had no gradient takes no part: at B = 0 Adam sees the curvature of B alone', async () => {
  await using model = await referenceModel('llama', 'float64');
  // The first rate is 0, so that B has its first gradient and A none.
  const changes = { steps: 1, batchSize: 3, sharpnessEvery: 1 };
  const { adapter, measured, state } = await measuredRun(model, changes, { tolerance: 1e-9 });
  assert.is(measured.get(1)!.threshold, null, 'a rate of 0 has no threshold');
  const moment = state.optimizer.vectors.secondMoment!;
  const isB = layoutTensors(adapter.layout).flatMap(({ name, shape }) =>
    Array<boolean>(shape[0]! * shape[1]!).fill(name.includes('lora_B')),
  );
  assert.equal(
    Array.from(moment, (entry) => entry > 0),
    isB,
  );
  // |g| is all of P but eps then, and 0.1 its first correction; without A the rest of it does not count.
  const huge = moment.map((entry) => (entry > 0 ? 0.1 * (Math.sqrt(entry / 1e-3) + 1e-8) : 1e12));
  const search = { batchSize: 3, tolerance: 1e-9, maxSteps: 300 };
  const { lambdaMax } = await spectrum(model, adapter, rows, { ...search, preconditioner: huge });
  assertClose([measured.get(1)!.effective!], [lambdaMax.value], 1e-6);
});

test('descent sees the Hessian itself, momentum allows it more, decay adds to it, and LoFT’s limit is not known', async () => {
  await using model = await referenceModel('llama', 'float64');
  const constant = { schedule: 'constant', warmupSteps: 0, steps: 2, learningRate: 0.01 } as const;
  const after = async (optimizer: string, optimizerOptions = {}) =>
    (await measuredRun(model, { ...constant, optimizer, optimizerOptions }, { tolerance: 1e-6 })).measured.get(2)!;
  const plain = await after('sgd');
  assert.is(plain.effective, plain.hessian);
  assertClose([plain.threshold!, plain.limit!], [200, 2 / plain.hessian!], 1e-12);
  const heavy = await after('sgd', { momentum: 0.5, weightDecay: 0.25 });
  assertClose([heavy.effective!, heavy.threshold!], [heavy.hessian! + 0.25, 300], 1e-5);
  const { hessian, ...rest } = await after('loft');
  assert.ok(hessian! > 0);
  assert.equal(rest, { effective: null, threshold: null, limit: null });
});

test('the rows are the first that hold so many scored tokens', async () => {
  await using model = await referenceModel('llama', 'float64');
  const { adapter, measured } = await measuredRun(model, {}, { tokens: 1, tolerance: 1e-9 });
  const { lambdaMax } = await spectrum(model, adapter, rows.slice(0, 1), { batchSize: 1, tolerance: 1e-9 });
  assertClose([measured.get(6)!.hessian!], [lambdaMax.value], 1e-8);
});

test('a run is the same to the last bit whether it is measured or not', async () => {
  await using model = await referenceModel('llama', 'float32');
  const measured = await measuredRun(model, {});
  const adapter = await someAdapter(model);
  await finetune(model, adapter, rows, options);
  assert.equal(measured.adapter.parameters, adapter.parameters);
});

test('a resumed run leaves the metrics of one that was not interrupted, sharpness and all', () =>
  inTemporaryFolder(async (folder) => {
    await using model = await referenceModel('llama', 'float32');
    const run = async (name: string, onStep?: (metrics: StepMetrics) => void) => {
      const adapter = await someAdapter(model);
      const measureSharpness = sharpnessAlongTraining(model, rows, { batchSize: 3 });
      const settings = { ...options, sharpnessEvery: 2, measureSharpness, ...(onStep && { onStep }) };
      await finetuneInFolder(model, adapter, rows, settings, join(folder, name), { saveEvery: 1, resume: true });
      const metrics = await readFile(join(folder, name, 'metrics.jsonl'), 'utf8');
      return metrics.replace(/"seconds":[^}]*/g, '');
    };
    const expected = await run('whole');
    const stop = new Error('torn');
    const tear = ({ step }: StepMetrics) => {
      if (step === 5) throw stop;
    };
    await run('torn', tear).then(
      () => assert.unreachable('the run went to its end'),
      (error: unknown) => assert.is(error, stop),
    );
    assert.is(await run('torn'), expected);
    assert.is(expected.match(/"sharpness":\{"hessian":\d/g)!.length, 3);
  }));

for (const learningRate of [0.2, 0.5])
  test(`full-batch descent at rate ${learningRate} sharpens until it is at the edge of stability, and stays about there`, async () => {
    await using model = await referenceModel('llama', 'float32');
    const adapter = await createAdapter(model, { method: 'lora', rank: 4, alpha: 8, initSeed: 1 });
    const shares: number[] = [];
    await finetune(model, adapter, rows, {
      ...{ ...options, optimizer: 'sgd', schedule: 'constant', warmupSteps: 0, steps: 240, batchSize: 3 },
      learningRate,
      ...{ sharpnessEvery: 20, measureSharpness: sharpnessAlongTraining(model, rows, { batchSize: 3 }) },
      onStep: ({ sharpness }) => sharpness && shares.push(sharpness.effective! / sharpness.threshold!),
    });
    const late = mean(shares.slice(6));
    assert.ok(late > 0.9 && late < 1.5, `sharpness over 2 / rate: ${shares}`);
  });

test.run();
