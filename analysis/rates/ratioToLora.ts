import type { Optimum } from './optimum.ts';

/** An optimum over LoRA's, with its interval. */
export interface RatioToLora {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/**
 * An optimum over LoRA's at equal settings; exactly 1 for LoRA itself. The interval follows from those of both. Where both are
 * the seeds' 95 % intervals, in logarithms, the distances to their ends add as squares (Zou and Donner, Statistics in Medicine 27, 2008, MOVER).
 * Where one is the spacing of a grid it says how far an optimum can lie and not how likely that is: then the farthest ends stand.
 */
export function ratioToLora(optimum: Optimum, lora: Optimum): RatioToLora {
  if (optimum === lora) return { value: 1, low: 1, high: 1 };
  const value = optimum.learningRate / lora.learningRate;
  const areSeeds = optimum.intervalFrom === 'seeds' && lora.intervalFrom === 'seeds';
  const joined = (a: number, b: number): number => (areSeeds ? Math.hypot(a, b) : a + b);
  const below = joined(Math.log(optimum.learningRate / optimum.low), Math.log(lora.high / lora.learningRate));
  const above = joined(Math.log(optimum.high / optimum.learningRate), Math.log(lora.learningRate / lora.low));
  return { value, low: value * Math.exp(-below), high: value * Math.exp(above) };
}
