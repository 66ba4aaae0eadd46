import { magnitudes, rowNormsOf } from '../forms/magnitude.ts';
import type { AdapterMethod } from '../method.ts';
import { lora } from './lora.ts';

/** LoRA's initial values, and magnitudes m = |W| of each row, [out]. Liu et al. 2024, arXiv 2402.09353. */
export const dora: AdapterMethod = {
  name: 'dora',
  form: magnitudes,
  keepsFunctionBy: 'zeroUpdate',
  startsAtZeroB: true,
  async initialise(context) {
    const { weight, shape } = context;
    return new Map([...(await lora.initialise(context)), ['lora_magnitude_vector', rowNormsOf(weight, shape.out)]]);
  },
};
