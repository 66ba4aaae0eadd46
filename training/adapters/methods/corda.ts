import * as tf from '@tensorflow/tfjs';
import { LambdamaxError } from '../../../errors.ts';
import { extremeSingularValues, weightMatrix } from '../../../numerics/dense/decompositions.ts';
import { product } from '../../../numerics/dense/products.ts';
import { solveSymmetric } from '../../../numerics/dense/solveSymmetric.ts';
import { lowRank } from '../forms/lowRank.ts';
import { checkRank } from '../forms/rank.ts';
import { splitTerms } from '../initial/singularSplit.ts';
import type { AdapterMethod, InputStatistics } from '../method.ts';
import type { Settings } from '../settings.ts';

/** Added to the covariance's diagonal, relative to the diagonal's mean. As in PEFT. */
const damping = 0.01;

/**
 * The sum over rows of x'x, each row's x [length, in] divided by |max x| (the largest entry, not the largest magnitude: as
 * in PEFT, and in the authors' code).
 */
const covariances: InputStatistics = {
  tensors: (inputs) => [
    { name: 'rows', shape: [] },
    { name: 'squares', shape: [inputs, inputs] },
  ],
  of(x, { present }) {
    const place = tf.reshape(present, [-1, 1]);
    // Padding stays behind every entry.
    const largest = tf.max(tf.add(x, tf.mul(tf.sub(place, 1), 1e9)));
    const scaled = tf.div<tf.Tensor2D>(tf.mul(x, place), tf.abs(largest));
    return new Map<string, tf.Tensor>([
      ['rows', tf.max(present)],
      ['squares', tf.matMul(scaled, scaled, true)],
    ]);
  },
};

/**
 * CorDA: with C the damped covariance of the layer's inputs and W C = U S V', B = U sqrt(S/s) and A = sqrt(S/s) V' C^-1, of
 * the top `rank` terms (`mode=ipm`, instruction-previewed) or the bottom ones (`mode=kpm`, knowledge-preserved). Yang et al.
 * 2024, arXiv 2406.05223.
 */
export function corda(settings: Settings): AdapterMethod {
  const mode = settings.choice('mode', ['ipm', 'kpm'], 'ipm');
  return {
    name: 'corda',
    form: lowRank,
    keepsFunctionBy: 'residualWeight',
    startsAtZeroB: false,
    sample: covariances,
    async initialise({ module, shape, size, weight, scaling, statistics }) {
      checkRank(module, shape, size.rank);
      const covariance = dampedCovariance(module, statistics!.get('squares')!, statistics!.get('rows')![0]!, shape.in);
      const C = { rows: shape.in, columns: shape.in, values: covariance };
      const turned = await product(weightMatrix(module, weight, shape), C);
      const terms = await extremeSingularValues(turned, size.rank, mode === 'ipm' ? 'largest' : 'smallest');
      const factors = splitTerms(terms, scaling);
      return factors.set('lora_A.weight', solveSymmetric(covariance, shape.in, factors.get('lora_A.weight')!));
    },
  };
}

function dampedCovariance(module: string, squares: Float64Array, rows: number, n: number): Float64Array {
  const covariance = squares.map((value) => value / rows);
  let trace = 0;
  for (let index = 0; index < n; index++) trace += covariance[index * (n + 1)]!;
  if (!(trace > 0 && trace < Infinity))
    throw new LambdamaxError({ subject: `the inputs of ${module}`, expected: 'finite values, not all 0', got: trace });
  for (let index = 0; index < n; index++) covariance[index * (n + 1)]! += (damping * trace) / n;
  return covariance;
}
