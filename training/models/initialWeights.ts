import { randomStream, sizeOf, totalSize, type Vector, viewTensors, zeros } from '../../compute/index.ts';
import type { Decoder } from './decoder.ts';

/**
 * Weights to pre-train from, of a decoder without biases, flattened in the order of its `weights`: norms 1, matrices
 * normal with spread 1/sqrt(hidden size), which a matrix of so many inputs passes the variance of its input on with; those
 * that write into the residual stream smaller by sqrt(2 layers), so that its variance does not grow with depth (Radford
 * et al. 2019, section 2.3). The 0.02 of GPT-2 is this at a width of 2,500: a narrow model starts slower from it.
 */
export function initialWeights({ config, weights: specs }: Decoder, seed: number): Vector {
  const spread = 1 / Math.sqrt(config.hiddenSize);
  const weights = zeros(totalSize(specs), 'float32');
  for (const [name, view] of viewTensors(weights, specs)) {
    const { shape } = specs.find((spec) => spec.name === name)!;
    if (shape.length === 1) view.fill(1);
    else {
      const random = randomStream(seed, `initial ${name}`);
      const writesResidual = name.includes('o_proj') || name.includes('down_proj');
      const deviation = writesResidual ? spread / Math.sqrt(2 * config.layers) : spread;
      for (let index = 0; index < sizeOf(shape); index++) view[index] = deviation * random.normal();
    }
  }
  return weights;
}
