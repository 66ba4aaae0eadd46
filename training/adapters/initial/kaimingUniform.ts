import type { RandomStream } from '../../../compute/random.ts';

/**
 * `size` numbers uniform in [-1/sqrt(fanIn), 1/sqrt(fanIn)), of variance 1/(3 fanIn): what PyTorch's `kaiming_uniform_`
 * draws with a = sqrt 5, its default for linear layers and PEFT's for LoRA's A. He et al. 2015, arXiv 1502.01852.
 */
export function kaimingUniform(size: number, fanIn: number, random: RandomStream): Float64Array {
  const bound = 1 / Math.sqrt(fanIn);
  return Float64Array.from({ length: size }, () => bound * (2 * random.uniform() - 1));
}
