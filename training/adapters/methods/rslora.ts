import { rankStabilised } from '../forms/lowRank.ts';
import type { AdapterMethod } from '../method.ts';
import { lora } from './lora.ts';

/**
 * Rank-stabilised LoRA: LoRA's initial values under s = alpha / sqrt(rank), so that the update does not shrink as the rank
 * grows. Kalajdzievski 2023, arXiv 2312.03732.
 */
export const rslora: AdapterMethod = { ...lora, name: 'rslora', form: rankStabilised };
