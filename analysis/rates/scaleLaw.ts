import type { StabilityLimit, SweepContext } from './sweep.ts';

/** The power of 1 / lambda_max as which a best rate goes when nothing but the scale of the parameters changes. */
export interface ScaleLaw {
  readonly exponent: 1 | 0.5;
  /** The optimizers in use that it belongs to. */
  readonly optimizers: readonly string[];
}

/**
 * The exponent that a change of scale leaves an optimizer; null for one that is not known. Divide the parameters by K and leave the
 * function as it is (A / K, and alpha K^2): lambda_max grows by K^2, gradients by K. The step that does the same as before is K times
 * smaller. A gradient step is rate times gradient, so that SGD's rate falls by K^2, as 1 / lambda_max. Adam's step does not see the
 * size of gradients, so that its rate falls by K, as 1 / sqrt(lambda_max). It is exact, and holds on any model.
 */
function scaleExponent(optimizer: string): ScaleLaw['exponent'] | null {
  if (optimizer === 'sgd') return 1;
  return /^adamw?$|^lora\+$/.test(optimizer) ? 0.5 : null;
}

/** The law that belongs to all optimizers of some configurations; null where they differ, or are not known. */
export function scaleLawOf(
  points: readonly { readonly limit: StabilityLimit | null }[],
  context: SweepContext,
): ScaleLaw | null {
  const limited = points.flatMap(({ limit }) => limit?.optimizer ?? []);
  const named = limited.length > 0 ? limited : context.optimizer === undefined ? [] : [context.optimizer];
  const optimizers = [...new Set(named)];
  const [exponent, ...others] = [...new Set(optimizers.map((name) => scaleExponent(name.toLowerCase())))];
  return exponent == null || others.length > 0 ? null : { exponent, optimizers };
}
