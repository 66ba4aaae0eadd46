import type { RandomStream } from '../../compute/index.ts';

/** How texts are generated where nothing else is said: greedily. */
export const generationDefaults = { maxNewTokens: 256, temperature: 0, topP: 1, seed: 0 } as const;

/** How the next token is chosen. */
export interface Sampling {
  /** 0 (the default): always the likeliest token. Else logits are divided by it before the softmax. */
  readonly temperature?: number;
  /**
   * Default 1. Only the likeliest tokens whose probabilities together reach this are drawn from: nucleus sampling, Holtzman
   * et al. 2019, arXiv 1904.09751.
   */
  readonly topP?: number;
}

/** The next token from its logits; undefined if these are not finite, as those of a diverged adapter. */
export function chooseToken(
  logits: Float32Array | Float64Array,
  { temperature = generationDefaults.temperature, topP = generationDefaults.topP }: Sampling,
  random: RandomStream,
): number | undefined {
  let [best, highest] = [0, Number.NEGATIVE_INFINITY];
  for (const [token, logit] of logits.entries()) {
    if (Number.isNaN(logit)) return undefined;
    if (logit > highest) [best, highest] = [token, logit];
  }
  if (!Number.isFinite(highest)) return undefined;
  if (temperature === 0) return best;
  const weights = Float64Array.from(logits, (logit) => Math.exp((logit - highest) / temperature));
  return draw(topP < 1 ? nucleus(weights, topP) : [...weights.keys()], weights, random);
}

/** The fewest tokens whose weights reach this part of all weights, the heaviest first. */
function nucleus(weights: Float64Array, part: number): number[] {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  // All tokens below this together weigh less than what is left out: few others remain to be sorted.
  const least = (total * (1 - part)) / weights.length;
  const tokens = [...weights.keys()].filter((token) => weights[token]! >= least);
  tokens.sort((a, b) => weights[b]! - weights[a]! || a - b);
  let sum = 0;
  const last = tokens.findIndex((token) => {
    sum += weights[token]!;
    return sum >= part * total;
  });
  return last < 0 ? tokens : tokens.slice(0, last + 1);
}

/** One of the tokens, each with a probability in proportion to its weight. */
function draw(tokens: readonly number[], weights: Float64Array, random: RandomStream): number {
  let left = random.uniform() * tokens.reduce((sum, token) => sum + weights[token]!, 0);
  for (const token of tokens) {
    left -= weights[token]!;
    if (left < 0) return token;
  }
  // Rounding alone leads here.
  return tokens.reduce((best, token) => (weights[token]! > weights[best]! ? token : best), tokens[0]!);
}
