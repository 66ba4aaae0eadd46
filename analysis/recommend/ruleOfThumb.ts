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

/** The alpha of the runs that the rule was fitted to, and the rank at which their scaling alpha / rank is 1. */
const published = { alpha: 32, rank: 32 };

/** The powers of alpha and rank as which the best rate goes, fitted to the sweeps of small models and to the published ones. */
const powers = { alpha: -0.6, rank: 0.18 };

/**
 * The published rule of thumb for LoRA with AdamW, 5e-5 * 10 * (2000 / hidden)^p, p = 0.781 for Llama and 0.0775 for Qwen; null
 * for other families. Schulman et al. 2025, "LoRA Without Regret", and the cookbook beside it.
 */
export function ruleOfThumb({ modelType, hiddenSize }: RuledModel): number | null {
  const exponent = exponents.find(([family]) => family.test(modelType))?.[1];
  return exponent === undefined ? null : 5e-5 * 10 * (2000 / hiddenSize) ** exponent;
}

/** The rank of an adapted module, and its alpha: scaling times rank. */
export interface ModuleSize {
  readonly rank: number;
  readonly alpha: number;
}

/**
 * What is known of a best rate before anything is measured: the rule of thumb at the adapter's own alpha and rank, as which it goes as
 * alpha^-0.6 rank^0.18. Null where there is no rule.
 *
 * @param rule what {@link ruleOfThumb} says of the model.
 * @param modules of the adapter; the rate is for their geometric mean.
 */
export function priorRate(rule: number | null, modules: readonly ModuleSize[]): RateEstimate | null {
  if (rule === null || modules.length === 0) return null;
  const alpha = geometricMean(modules.map((one) => one.alpha)) / published.alpha;
  const rank = geometricMean(modules.map((one) => one.rank)) / published.rank;
  return { learningRate: rule * alpha ** powers.alpha * rank ** powers.rank, logError: priorError };
}

/**
 * The error of ln rate that the rule counts with, a factor of 2.2: the weight that it earns. Chosen for methods left out it was from 0.8 to
 * none at all, where the rule counts for a tenth or nothing beside probes.
 */
const priorError = 0.8;
