import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { evaluate } from '../../training/evaluate.ts';
import { finetune } from '../../training/finetune/finetune.ts';
import type { StepMetrics } from '../../training/finetune/metrics.ts';
import type { RunState } from '../../training/finetune/runState.ts';
import type { ScheduleName } from '../../training/optimizers/schedules.ts';
import { warmupSteps } from '../../training/optimizers/schedules.ts';
import { referenceAdapter, referenceJson, referenceModel, referenceRows } from '../cases/reference.ts';
import { relativeError } from '../oracles/relativeError.ts';

interface Trajectory {
  readonly hyperparameters: {
    readonly variant: string;
    readonly optimizer: string;
    readonly lr: number;
    readonly steps: number;
    readonly betas?: [number, number];
    readonly eps?: number;
    readonly weight_decay: number;
    readonly momentum?: number;
    readonly ratio?: number;
    readonly schedule?: ScheduleName;
    readonly warmup_ratio?: number;
    readonly max_grad_norm?: number;
  };
  readonly losses_before_step: number[];
  readonly loss_after_last_step: number;
  readonly learning_rates: number[];
  readonly gradient_norms_before_clipping: number[];
  readonly final_norm: number;
}

const { runs } = referenceJson<{ runs: Record<string, Trajectory> }>('trajectories.json');

// A trajectory starts from the adapter that PEFT wrote for its variant.
for (const name of Object.keys(runs))
  test(`20 steps of ${name} in float64 follow PyTorch's`, async () => {
    const { hyperparameters: h, ...expected } = runs[name]!;
    await using model = await referenceModel('llama', 'float64');
    const adapter = await referenceAdapter(model, h.variant, 'init');
    const lines: StepMetrics[] = [];
    const result = await finetune(model, adapter, referenceRows('llama'), {
      optimizer: h.optimizer,
      optimizerOptions: {
        weightDecay: h.weight_decay,
        ...(h.betas ? { betas: h.betas } : {}),
        ...(h.eps ? { eps: h.eps } : {}),
        ...(h.momentum === undefined ? {} : { momentum: h.momentum }),
        ...(h.ratio === undefined ? {} : { loraPlusRatio: h.ratio }),
      },
      learningRate: h.lr,
      schedule: h.schedule ?? 'constant',
      steps: h.steps,
      warmupSteps: warmupSteps(h.warmup_ratio ?? 0, h.steps),
      maxGradNorm: h.max_grad_norm ?? null,
      batchSize: 3,
      seed: 0,
      shuffle: false,
      onStep: (line) => lines.push(line),
    });
    const check = (what: string, actual: ArrayLike<number>, wanted: ArrayLike<number>) => {
      const error = relativeError(actual, wanted);
      assert.ok(error < (h.optimizer === 'prodigy' ? 1e-9 : 1e-8), `${what}: ${error} off`);
    };
    check(
      'losses',
      lines.map(({ loss }) => loss),
      expected.losses_before_step,
    );
    check(
      'rates',
      lines.map(({ learningRate }) => learningRate),
      expected.learning_rates,
    );
    check(
      'gradient norms',
      lines.map(({ gradientNorm }) => gradientNorm),
      expected.gradient_norms_before_clipping,
    );
    check('final loss', [result.finalLoss!], [expected.loss_after_last_step]);
    check('final norm', [Math.hypot(...adapter.parameters)], [expected.final_norm]);
    assert.is(result.status, 'finished');
  });

test('gen-adamw looks at the loss of the step’s own batch on both sides of where it is', async () => {
  await using model = await referenceModel('llama', 'float64');
  const rows = referenceRows('llama');
  const adapter = await referenceAdapter(model, 'pissa', 'init');
  const learningRate = 1e-3;
  const states: RunState[] = [];
  await finetune(model, adapter, rows, {
    ...{ optimizer: 'gen-adamw', learningRate, schedule: 'constant', steps: 4, warmupSteps: 0 },
    ...{ batchSize: 3, microBatch: 2, seed: 0, shuffle: false, saveEvery: 1 },
    onSave: async (state) => void states.push(structuredClone(state)),
  });
  const factors = states.map(({ optimizer }) => optimizer.vectors.rateFactor![0]!);
  assert.equal(factors.slice(0, 3), [1, 1, 1]);
  const [before, after] = [states[2]!.parameters, states[3]!.parameters];
  const step = after.map((value, index) => (value - before[index]!) / factors[3]!);
  const lossAt = async (times: number): Promise<number> => {
    const parameters = before.map((value, index) => value + times * step[index]!);
    return (await evaluate(model, rows, { adapter: { ...adapter, parameters } })).loss;
  };
  const [behind, here, ahead] = [await lossAt(-1), await lossAt(0), await lossAt(1)];
  const wanted = (behind - ahead) / (2 * (behind - 2 * here + ahead));
  const change = 0.9 + 0.1 * Math.min(2, Math.max(0.5, wanted));
  const expected = wanted > 0 && behind - 2 * here + ahead > 0 ? change : 1;
  assert.ok(expected !== 1 && Math.abs(factors[3]! - expected) < 1e-8, `${factors[3]}, expected ${expected}`);
});

test('a step over micro-batches is the step over the whole batch', async () => {
  await using model = await referenceModel('llama', 'float64');
  const train = async (microBatch: number) => {
    const adapter = await referenceAdapter(model, 'pissa', 'init');
    await finetune(model, adapter, referenceRows('llama'), {
      optimizer: 'adamw',
      learningRate: 1e-3,
      schedule: 'constant',
      steps: 5,
      warmupSteps: 0,
      batchSize: 3,
      microBatch,
      seed: 0,
      shuffle: true,
    });
    return adapter.parameters;
  };
  const whole = await train(3);
  for (const microBatch of [1, 2]) {
    const error = relativeError(await train(microBatch), whole);
    assert.ok(error < 1e-10, `micro-batches of ${microBatch}: ${error} off`);
  }
});

test('training at an absurd rate ends as diverged, with the reason in words', async () => {
  await using model = await referenceModel('llama', 'float32');
  const adapter = await referenceAdapter(model, 'lora', 'init');
  const result = await finetune(model, adapter, referenceRows('llama'), {
    optimizer: 'sgd',
    learningRate: 1e38,
    schedule: 'constant',
    steps: 20,
    warmupSteps: 0,
    batchSize: 3,
    seed: 0,
    shuffle: false,
  });
  assert.is(result.status, 'diverged');
  assert.ok(result.steps < 20);
  assert.is(result.finalLoss, null);
  assert.match(result.reason!, /loss|norm/);
});

test.run();
