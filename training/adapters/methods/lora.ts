import type { PeftKind } from '../../peft/config.ts';
import { loraType } from '../../peft/lora.ts';
import { lowRank, rankStabilised } from '../forms/lowRank.ts';
import { magnitudes, rankStabilisedMagnitudes } from '../forms/magnitude.ts';
import { checkRank } from '../forms/rank.ts';
import { kaimingUniform } from '../initial/kaimingUniform.ts';
import type { AdapterMethod, NamedForm } from '../method.ts';

/** A [rank, in] uniform in +-1/sqrt(in), B [out, rank] = 0. Hu et al. 2021, arXiv 2106.09685; uniform as in PEFT. */
export const lora: AdapterMethod = {
  name: 'lora',
  peft: { ...loraType, formOf },
  form: lowRank,
  keepsFunctionBy: 'zeroUpdate',
  startsAtZeroB: true,
  initialise({ module, shape, size: { rank }, random }) {
    checkRank(module, shape, rank);
    return new Map([
      ['lora_A.weight', kaimingUniform(rank * shape.in, shape.in, random)],
      ['lora_B.weight', new Float64Array(shape.out * rank)],
    ]);
  },
};

/** LoRA's forms, which PEFT tells apart by two flags. */
function formOf({ useRslora, useDora }: PeftKind): NamedForm {
  if (useDora) return { name: 'dora', form: useRslora ? rankStabilisedMagnitudes : magnitudes };
  return useRslora ? { name: 'rslora', form: rankStabilised } : { name: 'lora', form: lowRank };
}
