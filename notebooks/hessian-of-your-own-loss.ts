/**
 * The Hessian of your own loss, in one page. Run it in a clone with
 *
 *     npx tsx notebooks/hessian-of-your-own-loss.ts
 *
 * A small network is fitted to a sine. At its minimum we measure the sharpest direction of the loss and see that gradient
 * descent is stable exactly up to the learning rate 2 / lambda_max, as theory says of a quadratic.
 */

import assert from 'node:assert/strict';
import * as tf from '@tensorflow/tfjs';
import { hessian, lanczos, thresholds } from 'lambdamax/analysis';
import { compile, constant, linearise, randomStream, trace, type Vector } from 'lambdamax/compute';

// ## A loss in plain TensorFlow.js
//
// Nothing in here knows of Hessians. What is trained, what a batch brings and which shapes they have is declared beside it;
// `trace` then runs the code once, with tensors that hold no numbers, and keeps the graph of what it did.

const [samples, hidden] = [64, 8];

const traced = trace(
  {
    parameters: [
      { name: 'inner', shape: [2, hidden] },
      { name: 'outer', shape: [hidden, 1] },
    ],
    inputs: [
      { name: 'x', shape: [samples, 2], dtype: 'float32' },
      { name: 'y', shape: [samples, 1], dtype: 'float32' },
    ],
    weights: [],
  },
  ({ parameters, inputs }) => {
    const [inner, outer] = [parameters.get('inner')!, parameters.get('outer')!];
    const predicted = tf.matMul(tf.tanh(tf.matMul(inputs.get('x')!, inner)), outer);
    const misfit = tf.mean(tf.square(tf.sub(predicted, inputs.get('y')!)));
    // `constant` keeps all digits of 0.01, where tf.scalar would round it to float32.
    const decay = tf.mul(constant(0.01), tf.add(tf.sum(tf.square(inner)), tf.sum(tf.square(outer))));
    return tf.add(misfit, decay);
  },
);

// ## Values and gradients
//
// float64 is for looking closely; float32, the default, is what one trains in. The second input column is a bias.

await using program = compile(traced, { precision: 'float64' });
const positions = Float64Array.from({ length: samples }, (_, i) => (6 * i) / (samples - 1) - 3);
const batch = { x: Float64Array.from([...positions].flatMap((x) => [x, 1])), y: positions.map(Math.sin) };

const random = randomStream(0, 'start');
const parameters = Float64Array.from({ length: program.size }, () => random.normal());

/** Gradient descent from a point; returns where it ends. */
async function descend(from: Vector, rate: number, steps: number): Promise<Float64Array> {
  const at = Float64Array.from(from);
  for (let step = 0; step < steps; step++) {
    const { gradient } = await program.gradient({ parameters: at }, batch);
    for (let i = 0; i < at.length; i++) at[i]! -= rate * gradient[i]!;
  }
  return at;
}

const minimum = await descend(parameters, 0.2, 20_000);
const { value, gradient } = await program.gradient({ parameters: minimum }, batch);
console.log(
  `${program.size} parameters, loss ${value.toFixed(4)}, gradient ${Math.hypot(...gradient).toExponential(1)}`,
);

// ## The sharpest direction
//
// `linearise` computes once all that does not depend on a direction v; each product H v is then cheap. The Hessian is the
// weighted mean over batches (here there is one, of 64 scored samples), and Lanczos needs only its products.

await using operator = await hessian([
  { scored: samples, linearised: await linearise(program, { parameters: minimum }, batch) },
]);
const { lambdaMax, lambdaMin, outcome, products } = await lanczos(operator, { tolerance: 1e-10 });
assert.ok(lambdaMax !== null && lambdaMin !== null);
console.log(`lambda_max ${lambdaMax.value.toFixed(6)}, lambda_min ${lambdaMin.value.toFixed(6)}`);
console.log(`${outcome} after ${products} products`);

// ## What theory says, and what happens
//
// Near a minimum each step multiplies the distance along an eigenvector by 1 - rate * lambda. So gradient descent is stable
// below the rate 2 / lambda_max and unstable above it. We push the parameters a little along the top eigenvector and look
// how far they are after 100 steps.

const limit = thresholds({ lambdaMax: lambdaMax.value }).gradientDescent!;
console.log(`gradient descent should be stable up to the rate ${limit.toFixed(4)}`);

const push = 1e-6;
const pushed = minimum.map((x, i) => x + push * lambdaMax.vector[i]!);

async function growth(rate: number): Promise<number> {
  const end = await descend(pushed, rate, 100);
  return Math.hypot(...end.map((x, i) => x - minimum[i]!)) / push;
}

for (const factor of [0.97, 0.99, 1.01, 1.03]) {
  const measured = await growth(factor * limit);
  const expected = (2 * factor - 1) ** 100;
  console.log(
    `at ${factor} of it the push becomes ${measured.toFixed(3)} times as long, in theory ${expected.toFixed(3)}`,
  );
  assert.ok(measured < 1 === factor < 1);
  assert.ok(Math.abs(measured / expected - 1) < 0.01);
}
