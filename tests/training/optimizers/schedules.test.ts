import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ArgumentError } from '../../../errors.ts';
import {
  highestRate,
  learningRateAt,
  requireTraining,
  type Schedule,
  type ScheduleName,
  warmupSteps,
} from '../../../training/optimizers/schedules.ts';
import { relativeError } from '../../oracles/relativeError.ts';

const { runs } = JSON.parse(
  readFileSync(new URL('../../../fixtures/reference/trajectories.json', import.meta.url), 'utf8'),
) as {
  runs: Record<
    string,
    {
      hyperparameters: { lr: number; steps: number; schedule?: ScheduleName; warmup_ratio?: number };
      learning_rates: number[];
    }
  >;
};

function rates(schedule: Schedule): number[] {
  return Array.from({ length: schedule.steps }, (_, step) => learningRateAt(step, schedule));
}

for (const [name, { hyperparameters, learning_rates }] of Object.entries(runs))
  test(`the rates of the reference's run ${name}`, () => {
    const { lr, steps, schedule = 'constant', warmup_ratio = 0 } = hyperparameters;
    const ours = rates({ schedule, learningRate: lr, steps, warmupSteps: warmupSteps(warmup_ratio, steps) });
    assert.ok(relativeError(ours, learning_rates) < 1e-15, `${ours}`);
  });

test('the reference holds a run with a warm-up and a cosine', () => {
  assert.ok(
    Object.values(runs).some((run) => run.hyperparameters.schedule === 'cosine' && run.learning_rates[0] === 0),
  );
});

/** Learning rates of get_*_schedule_with_warmup of transformers 5.18, at a peak of 1, by name, steps and warm-up. */
const few: readonly (readonly [ScheduleName, steps: number, warmupSteps: number, rates: number[]])[] = [
  ['cosine', 1, 0, [1]],
  ['cosine', 1, 1, [0]],
  ['linear', 1, 1, [0]],
  ['constant', 1, 1, [0]],
  ['cosine', 2, 1, [0, 1]],
  ['linear', 2, 1, [0, 1]],
  ['cosine', 3, 5, [0, 0.2, 0.4]],
  ['linear', 3, 5, [0, 0.2, 0.4]],
  ['constant', 3, 5, [0, 0.2, 0.4]],
  ['cosine', 5, 2, [0, 0.5, 1, 0.75, 0.25]],
  ['linear', 5, 2, [0, 0.5, 1, 2 / 3, 1 / 3]],
  ['constant', 5, 2, [0, 0.5, 1, 1, 1]],
  [
    ...(['cosine', 8, 1] as const),
    [0, 1, 0.9504844339512095, 0.8117449009293668, 0.6112604669781572, 0.38873953302184283, 0.18825509907063326].concat(
      0.04951556604879048,
    ),
  ],
];

test('few steps have the rates that transformers gives them, the first 0 and the last above it', () => {
  for (const [schedule, steps, warmupSteps, expected] of few) {
    const ours = rates({ schedule, learningRate: 1, steps, warmupSteps });
    for (const [step, rate] of ours.entries())
      assert.ok(Math.abs(rate - expected[step]!) < 1e-15, `${schedule} ${steps} ${warmupSteps}: ${ours}`);
    assert.ok(Math.abs(highestRate({ learningRate: 1, steps, warmupSteps }) - Math.max(...expected)) < 1e-15);
    const check = () => requireTraining({ learningRate: 1, steps, warmupSteps });
    if (Math.max(...expected) > 0) check();
    else assert.throws(check, /`warmupSteps: 1`: expected a step with a learning rate above 0/);
  }
  assert.throws(
    () => requireTraining({ learningRate: 0, steps: 3, warmupSteps: 0 }),
    /learningRate: .*0 in all 3 steps/,
  );
});

test('linear: up in a straight line, down to the last step but one', () => {
  const ours = rates({ schedule: 'linear', learningRate: 8, steps: 10, warmupSteps: 2 });
  assert.equal(ours, [0, 4, 8, 7, 6, 5, 4, 3, 2, 1]);
  assert.is(learningRateAt(10, { schedule: 'linear', learningRate: 8, steps: 10, warmupSteps: 2 }), 0);
});

test('constant: the warm-up, then the peak', () => {
  assert.equal(rates({ schedule: 'constant', learningRate: 3, steps: 6, warmupSteps: 3 }), [0, 1, 2, 3, 3, 3]);
});

test('cosine: half the peak half-way, and 0 at the end', () => {
  const schedule: Schedule = { schedule: 'cosine', learningRate: 2, steps: 104, warmupSteps: 4 };
  assert.ok(Math.abs(learningRateAt(54, schedule) - 1) < 1e-15);
  assert.ok(Math.abs(learningRateAt(29, schedule) - (1 + Math.SQRT1_2)) < 1e-15);
  assert.ok(Math.abs(learningRateAt(104, schedule)) < 1e-15);
});

for (const schedule of ['constant', 'cosine', 'linear'] as const)
  test(`${schedule}: from 0 to the peak at the end of the warm-up, never above it, never rising again`, () => {
    for (const [steps, warmup] of [
      [1, 0],
      [1, 1],
      [7, 7],
      [50, 13],
      [50, 0],
      [3, 10],
    ] as const) {
      const options = { schedule, learningRate: 0.3, steps, warmupSteps: warmup };
      const ours = rates(options);
      assert.is(ours[0], warmup === 0 ? 0.3 : 0);
      if (warmup < steps) assert.is(ours[warmup], 0.3);
      ours.forEach((rate, step) => {
        assert.ok(rate >= 0 && rate <= 0.3);
        if (step > 0) assert.ok(step <= warmup ? rate > ours[step - 1]! : rate <= ours[step - 1]!);
      });
    }
  });

test('warmupSteps rounds up', () => {
  const cases = [
    [0.03, 20, 1],
    [0.03, 300, 9],
    [0.03, 301, 10],
    [0, 100, 0],
    [1, 7, 7],
    [0.5, 1, 1],
  ] as const;
  for (const [ratio, steps, expected] of cases) assert.is(warmupSteps(ratio, steps), expected);
});

test('settings out of range are refused by the name of their option', () => {
  const good: Schedule = { schedule: 'cosine', learningRate: 1e-3, steps: 10, warmupSteps: 1 };
  const wrong: [string, Partial<Record<keyof Schedule, unknown>>][] = [
    ['learningRate', { learningRate: -1e-3 }],
    ['learningRate', { learningRate: Number.NaN }],
    ['steps', { steps: 0 }],
    ['steps', { steps: 2.5 }],
    ['warmupSteps', { warmupSteps: -1 }],
    ['warmupSteps', { warmupSteps: Number.NaN }],
    ['schedule', { schedule: 'Cosine' }],
    ['schedule', { schedule: 'toString' }],
  ];
  assert.is(learningRateAt(1, good), 1e-3);
  for (const [option, change] of wrong)
    assert.throws(
      () => learningRateAt(1, { ...good, ...change } as Schedule),
      (error: unknown) => error instanceof ArgumentError && error.subject === option,
    );
  for (const ratio of [-0.1, 1.1, Number.NaN])
    assert.throws(() => warmupSteps(ratio, 10), /warmupRatio: expected a number from 0 to 1/);
  assert.throws(
    () => learningRateAt(1, { ...good, schedule: 'polynomial' } as unknown as Schedule),
    /schedule: expected one of constant, cosine, linear, got polynomial/,
  );
});

test.run();
