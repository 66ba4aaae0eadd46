import { blockForm } from '../forms/blocks.ts';
import { kaimingUniform } from '../initial/kaimingUniform.ts';
import type { AdapterMethod } from '../method.ts';
import type { Settings } from '../settings.ts';

/**
 * GraLoRA with `k` x `k` blocks (2), and `hybrid` (0) ranks of plain LoRA besides: A uniform in +-sqrt(k/in), the bound of
 * a block by its own inputs, and B = 0. Jung et al. 2025, arXiv 2505.20355; initial values as in PEFT.
 */
export function gralora(settings: Settings): AdapterMethod {
  const blocks = settings.whole('k', 2, 1);
  const form = blockForm(blocks, settings.whole('hybrid', 0, 0));
  return {
    name: 'gralora',
    form,
    keepsFunctionBy: 'zeroUpdate',
    initialise({ module, shape, size, random }) {
      form.check!(module, shape, size);
      return new Map(
        form.tensors(shape, size).map(({ name, shape: extents }) => {
          const count = extents.reduce((product, extent) => product * extent, 1);
          if (name.startsWith('gralora_B')) return [name, new Float64Array(count)];
          return [name, kaimingUniform(count, name === 'gralora_A' ? shape.in / blocks : shape.in, random)];
        }),
      );
    },
  };
}
