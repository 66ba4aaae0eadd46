import { z } from 'zod';
import { noPatterns, type PeftType, parse, positive } from '../../peft/config.ts';
import { blockForm } from '../forms/blocks.ts';
import { kaimingUniform } from '../initial/kaimingUniform.ts';
import type { AdapterMethod } from '../method.ts';
import type { Settings } from '../settings.ts';

const schema = z.looseObject({ alpha: positive, gralora_k: z.int().min(1), hybrid_r: z.int().min(0).nullish() });

/** PEFT's `GRALORA`. */
const graloraType: PeftType = {
  type: 'GRALORA',
  tensors: /gralora_/,
  fields: {
    alpha: 'used',
    gralora_dropout: 'harmless',
    gralora_k: 'used',
    hybrid_r: 'used',
    // Whether the values start from zero; those of the file take their place.
    init_weights: 'harmless',
  },
  read(raw, file) {
    const { alpha, gralora_k: blocks, hybrid_r: hybridRank } = parse(file, schema, raw);
    return { kind: { type: 'GRALORA', blocks, hybridRank: hybridRank ?? 0 }, alpha, ...noPatterns };
  },
  write: ({ kind, alpha }) => ({
    alpha,
    gralora_dropout: 0,
    gralora_k: kind.blocks,
    hybrid_r: kind.hybridRank,
    init_weights: true,
  }),
};

/**
 * GraLoRA with `k` x `k` blocks (2), and `hybrid` (0) ranks of plain LoRA besides: A uniform in +-sqrt(k/in), the bound of
 * a block by its own inputs, and B = 0. Jung et al. 2025, arXiv 2505.20355; initial values as in PEFT.
 */
export function gralora(settings: Settings): AdapterMethod {
  const blocks = settings.whole('k', 2, 1);
  const form = blockForm(blocks, settings.whole('hybrid', 0, 0));
  return {
    name: 'gralora',
    peft: {
      ...graloraType,
      formOf: (kind) => ({ name: 'gralora', form: blockForm(Number(kind.blocks), Number(kind.hybridRank)) }),
    },
    form,
    keepsFunctionBy: 'zeroUpdate',
    startsAtZeroB: true,
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
