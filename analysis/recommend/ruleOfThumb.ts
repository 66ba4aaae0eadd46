import { geometricMean } from '../../numerics/statistics.ts';
import type { RateEstimate } from './extrapolation.ts';

/** What the rule of thumb knows of a model. */
export interface RuledModel {
  /** `model_type` of config.json: `llama`. */
  readonly modelType: string;
  readonly hiddenSize: number;
}

/** The exponents of the hidden size that were fitted to real models; no other family was looked at. */
const exponents: readonly (readonly [family: RegExp, exponent: number])[] = [
  [/^llama/, 0.781],
  [/^qwen/, 0.0775],
];

/** The alpha of the runs that the rule was fitted to; its best rates do not depend on the rank. */
const publishedAlpha = 32;

/**
 * The published rule of thumb for LoRA with AdamW, 5e-5 * 10 * (2000 / hidden)^p, p = 0.781 for Llama and 0.0775 for Qwen; null
 * for other families. Schulman et al. 2025, "LoRA Without Regret", and the cookbook beside it.
 */
export function ruleOfThumb({ modelType, hiddenSize }: RuledModel): number | null {
  const exponent = exponents.find(([family]) => family.test(modelType))?.[1];
  return exponent === undefined ? null : 5e-5 * 10 * (2000 / hiddenSize) ** exponent;
}

/**
 * What is known of a best rate before anything is measured: the rule of thumb, at the adapter's own alpha (scaling times rank) rather
 * than 32. The best rate goes as alpha^-1/2: on a small model as alpha^-0.6 at one rank, and as rank^-0.4 and rank^-0.5 where alpha
 * grows with the rank. Null where there is no rule.
 *
 * @param alphas of the adapter's modules.
 */
export function priorRate(model: RuledModel, alphas: readonly number[]): RateEstimate | null {
  const rate = ruleOfThumb(model);
  if (rate === null || alphas.length === 0) return null;
  return { learningRate: rate / Math.sqrt(geometricMean(alphas) / publishedAlpha), logError: priorError };
}

/** How far the best rates of variants, tasks and lengths lie from the rule's, as an error of ln rate: a factor of 1.7. */
const priorError = 0.5;
