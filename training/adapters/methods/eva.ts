import * as tf from '@tensorflow/tfjs';
import { LambdamaxError } from '../../../errors.ts';
import { leadingEigen } from '../../../numerics/dense/leadingEigen.ts';
import type { AdapterSize } from '../../layout/form.ts';
import { lowRank } from '../forms/lowRank.ts';
import { checkRank } from '../forms/rank.ts';
import type { AdapterMethod, InitialisedModule, InputStatistics } from '../method.ts';
import type { Settings } from '../settings.ts';

/** Number, sum and sum of x x' of the layer's inputs x, at tokens whose own label is scored. */
const moments: InputStatistics = {
  tensors: (inputs) => [
    { name: 'count', shape: [] },
    { name: 'sum', shape: [inputs] },
    { name: 'squares', shape: [inputs, inputs] },
  ],
  of(x, { scored }) {
    const kept = tf.mul<tf.Tensor2D>(x, tf.reshape(scored, [-1, 1]));
    return new Map<string, tf.Tensor>([
      ['count', tf.sum(scored)],
      ['sum', tf.sum(kept, 0)],
      ['squares', tf.matMul(kept, kept, true)],
    ]);
  },
};

/**
 * EVA: the rows of A are the principal directions of the layer's inputs, largest variance first, and B = 0. With the setting
 * `rho` above 1 the ranks of all layers together are shared out anew: each layer offers the first rho rank directions, and
 * those that explain the largest parts of their layers' variances are taken; alpha changes with the rank, so that s does
 * not. Paischl et al. 2024, arXiv 2410.07170; as in PEFT, of the exact covariance.
 */
export function eva(settings: Settings): AdapterMethod {
  const rho = settings.positive('rho', 1);
  return {
    name: 'eva',
    form: lowRank,
    keepsFunctionBy: 'zeroUpdate',
    startsAtZeroB: true,
    sample: moments,
    initialise({ module, shape, size, statistics }) {
      checkRank(module, shape, size.rank);
      const { values, vectors } = principalDirections(module, shape.in, size.rank, statistics!);
      const A = new Float64Array(size.rank * shape.in);
      for (const [term, vector] of vectors.entries()) A.set(vector, term * shape.in);
      return new Map([
        ['lora_A.weight', A],
        ['lora_B.weight', new Float64Array(shape.out * size.rank)],
        ['explained', values],
      ]);
    },
    ...(rho === 1
      ? {}
      : {
          share: {
            most: ({ rank, alpha }, { out, in: inputs }) => ({
              rank: Math.min(Math.round(rho * rank), out, inputs),
              alpha,
            }),
            among: shareOut,
          },
        }),
  };
}

/** The leading eigenvectors of the inputs' covariance, and the part of all variance that each explains. */
function principalDirections(module: string, n: number, rank: number, statistics: ReadonlyMap<string, Float64Array>) {
  const count = statistics.get('count')![0]!;
  const mean = statistics.get('sum')!.map((value) => value / count);
  const covariance = statistics
    .get('squares')!
    .map((value, index) => value / count - mean[Math.floor(index / n)]! * mean[index % n]!);
  let trace = 0;
  for (let index = 0; index < n; index++) trace += covariance[index * (n + 1)]!;
  // Centred, so many rows span one dimension less.
  if (!(trace > 0 && trace < Infinity && count > rank))
    throw new LambdamaxError({
      subject: `the inputs of ${module}`,
      expected: `more than ${rank} scored tokens in the sample, and finite inputs that differ`,
      got: `${count} tokens, variance ${trace}`,
      remedy: 'lower `rank`, or give more data',
    });
  const { values, vectors } = leadingEigen(covariance, n, rank);
  return { values: values.map((value) => value / trace), vectors };
}

/** Keeps as many directions of all modules together as they had ranks: those that explain most. */
function shareOut(
  modules: ReadonlyMap<string, InitialisedModule>,
  wanted: ReadonlyMap<string, AdapterSize>,
): Map<string, InitialisedModule> {
  const offered = [...modules].flatMap(([module, { values }]) =>
    Array.from(values.get('explained')!, (explained) => ({ module, explained })),
  );
  const budget = [...wanted.values()].reduce((sum, { rank }) => sum + rank, 0);
  const ranks = new Map<string, number>();
  // A stable sort: modules that see the same inputs offer the same, and the first of them comes first.
  for (const { module } of offered.sort((a, b) => b.explained - a.explained).slice(0, budget))
    ranks.set(module, (ranks.get(module) ?? 0) + 1);
  const shared = new Map<string, InitialisedModule>();
  for (const [module, { shape, values }] of modules) {
    const rank = ranks.get(module) ?? 0;
    if (rank === 0) continue;
    const { rank: before, alpha } = wanted.get(module)!;
    shared.set(module, {
      shape,
      size: { rank, alpha: (alpha * rank) / before },
      values: new Map([
        ['lora_A.weight', values.get('lora_A.weight')!.slice(0, rank * shape.in)],
        ['lora_B.weight', new Float64Array(shape.out * rank)],
      ]),
    });
  }
  return shared;
}
