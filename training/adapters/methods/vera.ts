import * as tf from '@tensorflow/tfjs';
import { sizeOf } from '../../../compute/index.ts';
import { LambdamaxError } from '../../../errors.ts';
import type { AdapterForm } from '../../layout/form.ts';
import { noPatterns, type PeftType, requireProjections } from '../../peft/config.ts';
import { tensorOf } from '../forms/tensorOf.ts';
import { kaimingUniform } from '../initial/kaimingUniform.ts';
import type { AdapterMethod } from '../method.ts';
import type { Settings } from '../settings.ts';

/**
 * VeRA's form, y = x W' + b * ((d * (x A')) B'): d [rank] and b [out] are trained; A [rank, in or more] and B [out or more,
 * rank] are random, frozen, and shared by all layers, which take of them what they need. There is no factor s. Kopiczko,
 * Blankevoort and Asano 2024, arXiv 2310.11454, equation 2.
 */
export const sharedFactors: AdapterForm = {
  name: 'sharedFactors',
  scaling: () => 1,
  peft: { type: 'VERA' },
  tensors: (shape, { rank }) => [
    { name: 'vera_lambda_b', shape: [shape.out] },
    { name: 'vera_lambda_d', shape: [rank] },
  ],
  shared(modules) {
    const rank = Math.max(...modules.map(({ size }) => size.rank));
    return [
      { name: 'vera_A', shape: [rank, Math.max(...modules.map(({ shape }) => shape.in))] },
      { name: 'vera_B', shape: [Math.max(...modules.map(({ shape }) => shape.out)), rank] },
    ];
  },
  // VeRA's ranks may well be above min(out, in).
  check(module, _shape, { rank }) {
    if (Number.isInteger(rank) && rank >= 1) return;
    throw new LambdamaxError({
      subject: `\`rank\` for ${module}`,
      expected: 'a whole number of at least 1',
      got: rank,
    });
  },
  apply(x, weight, tensors, { rank }) {
    const [out, inputs] = weight.shape;
    const A = tf.slice(tensorOf(tensors, 'vera_A') as tf.Tensor2D, [0, 0], [rank, inputs]);
    const B = tf.slice(tensorOf(tensors, 'vera_B') as tf.Tensor2D, [0, 0], [out, rank]);
    const reduced = tf.mul<tf.Tensor2D>(tf.matMul(x, A, false, true), tensorOf(tensors, 'vera_lambda_d'));
    const change = tf.mul(tf.matMul(reduced, B, false, true), tensorOf(tensors, 'vera_lambda_b'));
    return tf.add<tf.Tensor2D>(tf.matMul(x, weight, false, true), change);
  },
  update(shape, tensors, { rank }) {
    const [A, B] = [tensorOf(tensors, 'vera_A'), tensorOf(tensors, 'vera_B')];
    const [b, d] = [tensorOf(tensors, 'vera_lambda_b'), tensorOf(tensors, 'vera_lambda_d')];
    const width = A.length / rank;
    const update = new Float64Array(shape.out * shape.in);
    for (let row = 0; row < shape.out; row++)
      for (let term = 0; term < rank; term++) {
        const factor = b[row]! * B[row * rank + term]! * d[term]!;
        for (let column = 0; column < shape.in; column++)
          update[row * shape.in + column]! += factor * A[term * width + column]!;
      }
    return update;
  },
};

/** PEFT's `VERA`. */
const veraType: PeftType = {
  type: 'VERA',
  tensors: /vera_/,
  shared: ['vera_A', 'vera_B'],
  hasAlpha: false,
  fields: {
    d_initial: 'harmless',
    init_weights: 'harmless',
    projection_prng_key: 'harmless',
    save_projection: 'used',
    vera_dropout: 'harmless',
  },
  read(raw, file) {
    requireProjections(raw, file);
    return { kind: { type: 'VERA' }, alpha: 1, ...noPatterns };
  },
  write: () => ({
    d_initial: 0.1,
    init_weights: true,
    projection_prng_key: 0,
    save_projection: true,
    vera_dropout: 0,
  }),
};

/**
 * VeRA: b = 0 and d = `d` (0.1); A and B uniform with the variance 2 / inputs of He et al. 2015. As in PEFT.
 */
export function vera(settings: Settings): AdapterMethod {
  const initial = settings.positive('d', 0.1);
  return {
    name: 'vera',
    peft: { ...veraType, formOf: () => ({ name: 'vera', form: sharedFactors }) },
    form: sharedFactors,
    keepsFunctionBy: 'zeroUpdate',
    startsAtZeroB: true,
    initialise: ({ shape, size: { rank } }) =>
      new Map([
        ['vera_lambda_b', new Float64Array(shape.out)],
        ['vera_lambda_d', new Float64Array(rank).fill(initial)],
      ]),
    // kaimingUniform has variance 1 / (3 inputs).
    shared: ({ shape }, random) => kaimingUniform(sizeOf(shape), shape[1]! / 6, random),
  };
}
