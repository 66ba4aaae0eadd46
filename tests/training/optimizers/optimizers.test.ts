import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { randomStream } from '../../../compute/random.ts';
import { ArgumentError } from '../../../errors.ts';
import { createOptimizer, optimizerNames } from '../../../training/optimizers/index.ts';

const ofRank = (rank: number) => [
  { name: 'lora_A.weight', shape: [rank, 5] },
  { name: 'lora_B.weight', shape: [3, rank] },
];
const parameters = ofRank(2);
const size = 16;
const settings = { momentum: 0.9, weightDecay: 0.1 };

function noise(name: string): Float64Array {
  const random = randomStream(3, name);
  return Float64Array.from({ length: size }, () => random.normal());
}

for (const name of optimizerNames) {
  test(`${name} goes on from its state as if it had not stopped, also through JSON`, () => {
    const straight = createOptimizer(name, parameters, settings);
    const expected = noise('start');
    for (let step = 0; step < 20; step++) straight.step(expected, noise(`${step}`), 0.01);

    const first = createOptimizer(name, parameters, settings);
    const point = noise('start');
    for (let step = 0; step < 10; step++) first.step(point, noise(`${step}`), 0.01);
    const { vectors, ...rest } = first.state();
    const text = JSON.stringify({
      ...rest,
      vectors: Object.entries(vectors).map(([key, values]) => [key, [...values]]),
    });
    const read: { optimizer: string; steps: number; vectors: [string, number[]][] } = JSON.parse(text);

    const second = createOptimizer(name, parameters, settings);
    second.restore({
      ...read,
      vectors: Object.fromEntries(read.vectors.map(([key, v]) => [key, Float64Array.from(v)])),
    });
    for (let step = 10; step < 20; step++) second.step(point, noise(`${step}`), 0.01);
    assert.equal(point, expected);
    assert.equal(second.state(), straight.state());
  });

  test(`${name} without its state goes another way`, () => {
    const straight = createOptimizer(name, parameters, settings);
    const fresh = createOptimizer(name, parameters, settings);
    const point = noise('start');
    for (let step = 0; step < 10; step++) straight.step(point, noise(`${step}`), 0.01);
    const expected = point.slice();
    for (let step = 10; step < 20; step++) {
      straight.step(expected, noise(`${step}`), 0.01);
      fresh.step(point, noise(`${step}`), 0.01);
    }
    assert.not.equal(point, expected);
  });

  test(`${name}'s state is a copy`, () => {
    const optimizer = createOptimizer(name, parameters, settings);
    optimizer.step(noise('start'), noise('0'), 0.01);
    const before = structuredClone(optimizer.state());
    const taken = optimizer.state();
    optimizer.step(noise('start'), noise('1'), 0.01);
    assert.equal(taken, before);
    optimizer.restore(taken);
    optimizer.step(noise('start'), noise('1'), 0.01);
    assert.equal(taken, before);
  });

  test(`${name} with a rate of 0 moves nothing`, () => {
    const point = noise('start');
    // LoFT's decay is there whatever the rate.
    const still = name === 'loft' ? {} : settings;
    createOptimizer(name, parameters, still).step(point, noise('0'), 0);
    assert.equal(point, noise('start'));
  });

  test(`${name} refuses wrong lengths and rates, and then has changed nothing`, () => {
    const optimizer = createOptimizer(name, parameters, settings);
    const point = noise('start');
    optimizer.step(point, noise('0'), 0.01);
    const [state, before] = [optimizer.state(), point.slice()];
    assert.throws(
      () => optimizer.step(point, noise('1').subarray(1), 0.01),
      /the gradient: expected 16 values, got 15/,
    );
    assert.throws(
      () => optimizer.step(point.subarray(2), noise('1'), 0.01),
      /the parameters: expected 16 values, got 14/,
    );
    for (const rate of [-1e-3, Number.NaN, Infinity]) {
      assert.throws(
        () => optimizer.step(point, noise('1'), rate),
        (error: unknown) => error instanceof ArgumentError && error.subject === 'learningRate',
      );
    }
    assert.equal(optimizer.state(), state);
    assert.equal(point, before);
  });

  test(`${name} refuses the state of another optimizer, another size and other settings`, () => {
    const optimizer = createOptimizer(name, parameters, settings);
    optimizer.step(noise('start'), noise('0'), 0.01);
    const state = optimizer.state();
    const other = createOptimizer(name === 'sgd' ? 'adam' : 'sgd', parameters, settings);
    assert.throws(() => optimizer.restore(other.state()), /the state of optimizer \S+: expected a state of/);
    const smaller = createOptimizer(name, ofRank(1), settings);
    assert.throws(() => optimizer.restore(smaller.state()), /expected 16 values, got 8/);
    assert.throws(() => optimizer.restore({ ...state, vectors: {} }), /expected 16 values, got none/);
    const more = { ...state.vectors, surplus: new Float64Array(3) };
    assert.throws(() => optimizer.restore({ ...state, vectors: more }), /surplus: expected none, got 3/);
    assert.throws(() => optimizer.restore({ ...state, steps: -1 }), /expected a whole number of steps, got -1/);
    assert.equal(optimizer.state(), state);
  });

  test(`${name} hands non-finite gradients on instead of hiding them`, () => {
    const point = noise('start');
    const gradient = noise('0');
    gradient[4] = Number.NaN;
    const optimizer = createOptimizer(name, parameters, settings);
    optimizer.step(point, gradient, 0.01);
    // LoFT moves A in the second step.
    if (name === 'loft') optimizer.step(point, noise('1'), 0.01);
    assert.ok(Number.isNaN(point[4]));
    if (name === 'loft') return;
    assert.is(point.filter(Number.isFinite).length, size - 1);
  });
}

test('the names are sorted, and an unknown one is answered with them', () => {
  assert.equal(optimizerNames, [...optimizerNames].sort());
  for (const name of optimizerNames) assert.is(createOptimizer(name, parameters).name, name);
  for (const wrong of ['AdamW', '', 'toString'])
    assert.throws(
      () => createOptimizer(wrong, parameters),
      (error: unknown) =>
        error instanceof ArgumentError &&
        error.message === `optimizer: expected one of ${optimizerNames.join(', ')}, got ${wrong}`,
    );
});

test('settings reach the optimizer', () => {
  assert.throws(() => createOptimizer('adamw', parameters, { betas: [0.9, 1] }), /betas/);
  assert.throws(() => createOptimizer('adam', parameters, { eps: 0 }), /eps/);
  assert.throws(() => createOptimizer('sgd', parameters, { momentum: 2 }), /momentum/);
});

test.run();
