import type { RandomStream } from '../../../compute/random.ts';
import { LambdamaxError } from '../../../errors.ts';
import {
  extremeSingularValues,
  type SingularValueResult,
  weightMatrix,
} from '../../../numerics/dense/decompositions.ts';
import { mean } from '../../../numerics/statistics.ts';
import type { AdapterSize, LinearShape } from '../../layout/form.ts';
import { lowRank } from '../forms/lowRank.ts';
import { checkRank } from '../forms/rank.ts';
import type { AdapterMethod } from '../method.ts';
import type { Settings } from '../settings.ts';

const directions = ['ArB2r', 'A2rBr', 'ArBr', 'random'] as const;
const scales = ['stable', 'gd', 'weights', 'unit'] as const;

/** Which of the gradient's 2 rank leading singular vectors become A and B: their places, counted from 0. */
interface Chosen {
  readonly A: readonly number[];
  readonly B: readonly number[];
}

/**
 * LoRA-GA: A and B hold singular vectors of the gradient G = U S V' of the full weight on a sample of rows, so that the first
 * step is that of full fine-tuning as nearly as the rank allows. Wang, Yu and Li 2024, arXiv 2407.05000.
 *
 * `direction`: `ArB2r` gives A the first `rank` vectors of V and B the second `rank` of U; `A2rBr` the other way round;
 * `ArBr` takes them in turn, B first; `random` draws them. `as=paper` scales as the authors' code does: by
 * c = out^(1/4) / sqrt(gamma) (`stable`), 1/s (`gd`), the mean root of the weight's leading singular values over s
 * (`weights`) or not at all (`unit`), A and B alike. `as=peft` as PEFT does: B also carries its singular values of G; B alone
 * is scaled by c, or (`weights`) to the largest singular value of W; and `random` draws one set for both. (On GPT-2's
 * turned weights PEFT takes the inputs for the outputs in c; here out is out.)
 */
export function loraGa(settings: Settings): AdapterMethod {
  const direction = settings.choice('direction', directions, 'ArB2r');
  const scale = settings.choice('scale', scales, 'stable');
  const gamma = settings.positive('gamma', 16);
  const as = settings.choice('as', ['paper', 'peft'], 'paper');
  return {
    name: 'lora-ga',
    form: lowRank,
    keepsFunctionBy: 'residualWeight',
    startsAtZeroB: false,
    sample: 'gradients',
    check: checkTwiceRank,
    async initialise(context) {
      const { module, shape, gradient, random } = context;
      const { rank } = context.size;
      checkTwiceRank(module, shape, context.size);
      const leading = (values: Float64Array, count: number) =>
        extremeSingularValues(weightMatrix(module, values, shape), count, 'largest');
      const svd = await leading(gradient!, 2 * rank);
      const chosen = choose(direction, rank, as, random);
      const weights = scale === 'weights' ? await leading(context.weight, rank) : null;
      const c = shape.out ** 0.25 / Math.sqrt(gamma);
      const s = context.scaling;
      const factors = {
        paper: () => {
          const both = {
            stable: c,
            gd: 1 / s,
            weights: weights ? mean(weights.S.slice(0, rank).map((value) => Math.sqrt(value / s))) : 1,
            unit: 1,
          }[scale];
          return { A: both, B: chosen.B.map(() => both) };
        },
        peft: () => {
          const carried = chosen.B.map((place) => svd.S[place]!);
          const factor = { stable: c, gd: 1 / s, weights: weights ? weights.S[0]! / carried[0]! : 1, unit: 1 }[scale];
          return { A: scale === 'gd' ? 1 / s : 1, B: carried.map((value) => factor * value) };
        },
      }[as]();
      return factorsOf(svd, chosen, factors);
    },
  };
}

function choose(
  direction: (typeof directions)[number],
  rank: number,
  as: 'paper' | 'peft',
  random: RandomStream,
): Chosen {
  const places = Array.from({ length: rank }, (_, index) => index);
  const later = places.map((index) => rank + index);
  switch (direction) {
    case 'ArB2r':
      return { A: places, B: later };
    case 'A2rBr':
      return { A: later, B: places };
    case 'ArBr':
      return { A: places.map((index) => 2 * index + 1), B: places.map((index) => 2 * index) };
    case 'random': {
      const drawn = random.permutation(2 * rank);
      const A = drawn.slice(0, rank);
      return { A, B: as === 'peft' ? A : drawn.slice(rank) };
    }
  }
}

/** A [rank, in] and B [out, rank] of the chosen singular vectors. */
function factorsOf(
  { U, V }: SingularValueResult,
  { A: rows, B: columns }: Chosen,
  factors: { readonly A: number; readonly B: readonly number[] },
): Map<string, Float64Array> {
  const rank = rows.length;
  const A = new Float64Array(rank * V.rows);
  const B = new Float64Array(U.rows * rank);
  for (let term = 0; term < rank; term++) {
    for (let column = 0; column < V.rows; column++) A[term * V.rows + column] = factors.A * V.get(column, rows[term]!);
    for (let row = 0; row < U.rows; row++) B[row * rank + term] = factors.B[term]! * U.get(row, columns[term]!);
  }
  return new Map([
    ['lora_A.weight', A],
    ['lora_B.weight', B],
  ]);
}

function checkTwiceRank(module: string, shape: LinearShape, { rank }: AdapterSize): void {
  checkRank(module, shape, rank);
  const limit = Math.floor(Math.min(shape.out, shape.in) / 2);
  if (rank > limit)
    throw new LambdamaxError({
      subject: `\`rank\` for ${module}`,
      expected: `at most ${limit}: lora-ga takes twice as many singular vectors`,
      got: rank,
    });
}
