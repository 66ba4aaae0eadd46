import { type TensorSpec, totalSize } from '../../compute/tensors.ts';
import { type AdamOptions, adamDefaults, checkMoments } from './adamw.ts';
import { placedTensors } from './groups.ts';
import { factorsOf, moveFactor, turnMoments } from './loftFactors.ts';
import { checkStep, copyVectors, type Optimizer, restoreVectors } from './optimizer.ts';

/** LoFT's settings: Adam's, with those of `loftDefaults` where none are given. */
export interface LoftOptions extends AdamOptions {}

/** LoFT's settings where none are given: Adam's, but for eps. */
export const loftDefaults = { ...adamDefaults, eps: 1e-4 } as const;

/**
 * LoFT's AdamW, which moves the product of two factors as AdamW would move a full matrix: gradients of one factor are
 * divided by the other's Gram matrix, moments follow when the other factor turns (`loftFactors.ts`), and the factors are
 * updated in turns, B in the first step, A in the second. Tensors other than lora_A and lora_B take AdamW's steps.
 * Weight decay multiplies what is updated by 1 - weightDecay whatever the rate. Tastan, Laskaridis, Takac, Nandakumar and
 * Horvath 2026, arXiv 2505.21289, in the form of its authors' code (github.com/tnurbek/loft), whose default decay is 0.01.
 *
 * @throws ArgumentError for settings out of range, and for an adapter without such factors.
 */
export function loft(specs: readonly TensorSpec[], options: LoftOptions = {}): Optimizer {
  const { betas = loftDefaults.betas, eps = loftDefaults.eps } = options;
  checkMoments(betas, eps);
  const size = totalSize(specs);
  const { factors, others, productsSize } = factorsOf(placedTensors(specs, options));
  const [beta1, beta2] = betas;
  const vectors = {
    firstMoment: new Float64Array(size),
    secondMoment: new Float64Array(others.length === 0 ? 0 : size),
    // Of each row of a factor, the running mean of the products of its gradient's entries.
    rowProducts: new Float64Array(productsSize),
    // Each factor as it was when its partner's moments were last turned.
    turnedTo: new Float64Array(size),
  };
  const { firstMoment, secondMoment } = vectors;
  let steps = 0;

  return {
    name: 'loft',
    step(parameters, gradient, learningRate) {
      checkStep(size, parameters, gradient, learningRate);
      steps += 1;
      const rootScale = 1 / Math.sqrt(1 - beta2 ** steps);
      const stride = learningRate / (1 - beta1 ** steps);
      for (const factor of factors) {
        const turned = turnMoments(factor, { parameters, gradient, betas, ...vectors });
        const isNext = (steps % 2 === 1) === (factor.role === 'B');
        if (isNext) moveFactor(factor, turned, { parameters, stride, rootScale, eps, ...vectors });
      }
      for (const { start, end, rateFactor, weightDecay } of others) {
        for (let index = start; index < end; index++) {
          const slope = gradient[index]!;
          const first = beta1 * firstMoment[index]! + (1 - beta1) * slope;
          const second = beta2 * secondMoment[index]! + (1 - beta2) * slope * slope;
          firstMoment[index] = first;
          secondMoment[index] = second;
          const move = (rateFactor * stride * first) / (rootScale * Math.sqrt(second) + eps);
          parameters[index] = (1 - weightDecay) * parameters[index]! - move;
        }
      }
    },
    state: () => ({ optimizer: 'loft', steps, vectors: copyVectors(vectors) }),
    restore(state) {
      restoreVectors('loft', vectors, state);
      steps = state.steps;
    },
  };
}
