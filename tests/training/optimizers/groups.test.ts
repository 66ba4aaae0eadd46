import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { randomStream } from '../../../compute/random.ts';
import { ArgumentError } from '../../../errors.ts';
import { segmentsOf } from '../../../training/optimizers/groups.ts';
import { createOptimizer } from '../../../training/optimizers/index.ts';

const parameters = ['q_proj', 'v_proj'].flatMap((module) => [
  { name: `${module}.lora_A.weight`, shape: [2, 3] },
  { name: `${module}.lora_B.weight`, shape: [4, 2] },
]);
const size = 28;

function draw(name: string): Float64Array {
  const random = randomStream(5, name);
  return Float64Array.from({ length: size }, () => random.normal());
}

/** Where ten steps lead. */
function trained(name: string, rate: number, options: object, specs = parameters, from = 0): Float64Array {
  const length = specs.reduce((sum, { shape }) => sum + shape[0]! * shape[1]!, 0);
  const cut = (vector: Float64Array) => vector.slice(from, from + length);
  const optimizer = createOptimizer(name, specs, options);
  const point = cut(draw('start'));
  for (let step = 0; step < 10; step++) optimizer.step(point, cut(draw(`${step}`)), rate);
  return point;
}

test('neighbours with the same settings are one segment', () => {
  const whole = { start: 0, end: size, rateFactor: 1, weightDecay: 0.1 };
  assert.equal(segmentsOf(parameters, { weightDecay: 0.1 }), [whole]);
  assert.equal(segmentsOf(parameters, { groups: [{ tensors: 'v_proj', rateFactor: 2 }] }), [
    { start: 0, end: 14, rateFactor: 1, weightDecay: 0 },
    { start: 14, end: 28, rateFactor: 2, weightDecay: 0 },
  ]);
});

test('a setting comes from the first group that finds the tensor and has one', () => {
  const groups = [
    { tensors: 'v_proj.*lora_A', weightDecay: 0.5 },
    { tensors: 'lora_A|v_proj', rateFactor: 3 },
  ];
  assert.equal(
    segmentsOf(parameters, { weightDecay: 0.1, groups }).map(({ rateFactor, weightDecay }) => [
      rateFactor,
      weightDecay,
    ]),
    [
      [3, 0.1],
      [1, 0.1],
      [3, 0.5],
      [3, 0.1],
    ],
  );
});

for (const name of ['adam', 'adamw', 'lion', 'sgd'])
  test(`${name} treats each group as an optimizer of its own would`, () => {
    const groups = [{ tensors: 'v_proj', rateFactor: 0.5, weightDecay: 0.2 }];
    const together = trained(name, 0.01, { momentum: 0.9, groups });
    const first = trained(name, 0.01, { momentum: 0.9 }, parameters.slice(0, 2));
    const second = trained(name, 0.005, { momentum: 0.9, weightDecay: 0.2 }, parameters.slice(2), 14);
    assert.equal([...together], [...first, ...second]);
  });

test('lora+ is adamw with B sixteen times as fast, or as often as is asked', () => {
  for (const [options, rateFactor] of [
    [{}, 16],
    [{ loraPlusRatio: 4 }, 4],
  ] as const)
    assert.equal(
      trained('lora+', 1e-3, { ...options, weightDecay: 0.1 }),
      trained('adamw', 1e-3, { weightDecay: 0.1, groups: [{ tensors: 'lora_B', rateFactor }] }),
    );
  assert.equal(trained('lora+', 1e-3, { loraPlusRatio: 1 }), trained('adamw', 1e-3, {}));
});

test('lora+ gives vectors the rate of B, as PEFT does, and asks for a B', () => {
  const vector = { name: 'q_proj.lora_magnitude_vector.weight', shape: [1] };
  const optimizer = createOptimizer('lora+', [{ name: 'q_proj.lora_B.weight', shape: [1, 1] }, vector]);
  const point = new Float64Array(2);
  optimizer.step(point, Float64Array.of(1, 1), 1e-3);
  assert.ok(Math.abs(point[0]! + 0.016) < 1e-8 && point[0] === point[1]);
  for (const name of ['lora+', 'loft'])
    assert.throws(
      () => createOptimizer(name, [vector]),
      (error: unknown) => error instanceof ArgumentError && /an adapter with/.test(error.message),
    );
  assert.throws(() => createOptimizer('lora+', parameters, { loraPlusRatio: 0 }), /loraPlusRatio/);
});

test('groups that find nothing, and numbers that make no sense, are named', () => {
  const wrong = (group: object, pattern: RegExp) =>
    assert.throws(() => createOptimizer('adamw', parameters, { groups: [{ tensors: 'lora_A', ...group }] }), pattern);
  wrong({ tensors: 'magnitude' }, /group magnitude: expected .*such as q_proj\.lora_A\.weight/);
  wrong({ rateFactor: -1 }, /group lora_A: expected numbers of at least 0, got -1/);
  wrong({ weightDecay: Number.NaN }, /got NaN/);
  wrong({ tensors: '(' }, /parameter group \(: expected a regular expression/);
});

test.run();
