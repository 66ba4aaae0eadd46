import { wholeWeight, wholeWeightName } from '../forms/wholeWeight.ts';
import type { AdapterMethod } from '../method.ts';

/** Full fine-tuning of the target modules, from their own weights. */
export const full: AdapterMethod = {
  name: 'full',
  form: wholeWeight,
  keepsFunctionBy: 'zeroUpdate',
  startsAtZeroB: false,
  initialise: ({ weight }) => new Map([[wholeWeightName, weight]]),
};
