import * as tf from '@tensorflow/tfjs';
import { z } from 'zod';
import { constant, sizeOf } from '../../../compute/index.ts';
import type { AdapterForm, LinearShape } from '../../layout/form.ts';
import { noPatterns, type PeftType, parse, positive, requireProjections } from '../../peft/config.ts';
import { alphaOverRank } from '../forms/lowRank.ts';
import { tensorOf } from '../forms/tensorOf.ts';
import type { AdapterMethod } from '../method.ts';

const schema = z.looseObject({ randlora_alpha: positive });

/** PEFT's `RANDLORA`. */
const randloraType: PeftType = {
  type: 'RANDLORA',
  tensors: /randlora_/,
  shared: ['randlora_A', 'randlora_B'],
  fields: {
    init_weights: 'harmless',
    // How the bases are drawn; those of the file take their place.
    projection_prng_key: 'harmless',
    sparse: 'harmless',
    very_sparse: 'harmless',
    randlora_alpha: 'used',
    randlora_dropout: 'harmless',
    save_projection: 'used',
  },
  read(raw, file) {
    requireProjections(raw, file);
    return { kind: { type: 'RANDLORA' }, alpha: parse(file, schema, raw).randlora_alpha, ...noPatterns };
  },
  write: ({ alpha }) => ({
    init_weights: true,
    // The bases lie in the file, and are not drawn anew.
    projection_prng_key: 0,
    randlora_alpha: alpha,
    randlora_dropout: 0,
    save_projection: true,
    sparse: false,
    very_sparse: false,
  }),
};

/**
 * RandLoRA's form: a sum of fixed random low-rank matrices with trained diagonal factors, of full rank. With m and M the
 * smaller and the larger of in and out, n = ceil(m / rank) bases, trained are lambda [rank, n] and gamma [n, m]; shared by
 * all layers are the bases A [rank, 1, m or more] and B [M or more, n or more, rank]. The change is s L R as [M, m], turned
 * where in is the larger: L [M, n rank] is B cut to size, R [rank n, m] is lambda[i, k] A[i] gamma[k]. As in PEFT, the inner
 * index runs over (k, i) in L but over (i, k) in R. s = alpha / rank. Albert et al. 2025, arXiv 2502.00987.
 */
export const randomBases: AdapterForm = {
  name: 'randomBases',
  scaling: alphaOverRank,
  peft: { type: 'RANDLORA' },
  tensors(shape, { rank }) {
    const { smaller, bases } = extents(shape, rank);
    return [
      { name: 'randlora_lambda', shape: [rank, bases] },
      { name: 'randlora_gamma', shape: [bases, smaller] },
    ];
  },
  shared(modules) {
    const rank = Math.max(...modules.map(({ size }) => size.rank));
    // By PEFT's rule: of a layer as high as the highest and as wide as the widest.
    const out = Math.max(...modules.map(({ shape }) => shape.out));
    const inputs = Math.max(...modules.map(({ shape }) => shape.in));
    const { smaller, larger, bases } = extents({ out, in: inputs }, rank);
    return [
      { name: 'randlora_A', shape: [rank, 1, smaller] },
      { name: 'randlora_B', shape: [larger, bases, rank] },
    ];
  },
  apply(x, weight, tensors, { rank, alpha }) {
    const [out, inputs] = weight.shape;
    const { smaller, larger, bases } = extents({ out, in: inputs }, rank);
    const A = tf.slice(tensorOf(tensors, 'randlora_A'), [0, 0, 0], [rank, 1, smaller]);
    const B = tf.slice(tensorOf(tensors, 'randlora_B'), [0, 0, 0], [larger, bases, rank]);
    const lambda = tf.mul(tensorOf(tensors, 'randlora_lambda'), constant(alpha / rank));
    const weighted = tf.mul(
      tf.mul(tf.reshape(lambda, [rank, bases, 1]), A),
      tf.reshape(tensorOf(tensors, 'randlora_gamma'), [1, bases, smaller]),
    );
    const L = tf.reshape(B, [larger, bases * rank]) as tf.Tensor2D;
    const R = tf.reshape(weighted, [rank * bases, smaller]) as tf.Tensor2D;
    const change =
      inputs <= out ? tf.matMul(tf.matMul(x, R, false, true), L, false, true) : tf.matMul(tf.matMul(x, L), R);
    return tf.add<tf.Tensor2D>(tf.matMul(x, weight, false, true), change);
  },
  update(shape, tensors, { rank, alpha }) {
    const { smaller, larger, bases } = extents(shape, rank);
    const [A, B] = [tensorOf(tensors, 'randlora_A'), tensorOf(tensors, 'randlora_B')];
    const [lambda, gamma] = [tensorOf(tensors, 'randlora_lambda'), tensorOf(tensors, 'randlora_gamma')];
    const turned = shape.in > shape.out;
    const { length: sizeA } = A;
    const [widthA, basesB] = [sizeA / rank, basesOf(A.length / rank, rank)];
    const update = new Float64Array(shape.out * shape.in);
    const row = new Float64Array(smaller);
    for (let flat = 0; flat < rank * bases; flat++) {
      const [i, k] = [Math.floor(flat / bases), flat % bases];
      const [otherK, otherI] = [Math.floor(flat / rank), flat % rank];
      const factor = (alpha / rank) * lambda[i * bases + k]!;
      for (let small = 0; small < smaller; small++)
        row[small] = factor * A[i * widthA + small]! * gamma[k * smaller + small]!;
      for (let large = 0; large < larger; large++) {
        const left = B[(large * basesB + otherK) * rank + otherI]!;
        for (let small = 0; small < smaller; small++)
          update[turned ? small * larger + large : large * smaller + small]! += left * row[small]!;
      }
    }
    return update;
  },
};

/** RandLoRA: lambda = 0, gamma = 1 / max(n, m); bases uniform, divided by their standard deviation. As in PEFT. */
export const randlora: AdapterMethod = {
  name: 'randlora',
  peft: { ...randloraType, formOf: () => ({ name: 'randlora', form: randomBases }) },
  form: randomBases,
  keepsFunctionBy: 'zeroUpdate',
  startsAtZeroB: true,
  initialise({ shape, size: { rank } }) {
    const { smaller, bases } = extents(shape, rank);
    return new Map([
      ['randlora_lambda', new Float64Array(rank * bases)],
      ['randlora_gamma', new Float64Array(bases * smaller).fill(1 / Math.max(bases, smaller))],
    ]);
  },
  shared({ shape }, random) {
    const drawn = Float64Array.from({ length: sizeOf(shape) }, () => 2 * random.uniform() - 1);
    const mean = drawn.reduce((sum, value) => sum + value, 0) / drawn.length;
    const squares = drawn.reduce((sum, value) => sum + (value - mean) ** 2, 0);
    const deviation = Math.sqrt(squares / (drawn.length - 1));
    return drawn.map((value) => value / deviation);
  },
};

/** The smaller and the larger side of a layer, and how many bases of this rank make up the smaller. */
function extents(shape: LinearShape, rank: number): { smaller: number; larger: number; bases: number } {
  const smaller = Math.min(shape.out, shape.in);
  return { smaller, larger: Math.max(shape.out, shape.in), bases: basesOf(smaller, rank) };
}

function basesOf(smaller: number, rank: number): number {
  return Math.ceil(smaller / rank);
}
