import * as tf from '@tensorflow/tfjs';

/**
 * The linear layers that read one input, by name, each with the projections that lie side by side in its output:
 * `{ q_proj: ['q'], .. }` where each is a matrix of its own, `{ qkv_proj: ['q', 'k', 'v'] }` where they are one matrix. An
 * adapter always belongs to a linear layer, so of a fused one it has one pair of factors, as in PEFT.
 */
export type Projections<Part extends string> = Readonly<Record<string, readonly Part[]>>;

/** The width of a linear layer's output: that of its projections together. */
export function widthOf<Part extends string>(parts: readonly Part[], widths: Readonly<Record<Part, number>>): number {
  return parts.reduce((sum, part) => sum + widths[part], 0);
}

/**
 * Gives projections [positions, width] by their names. `linear` computes the linear layer of a name: once each, when the
 * first of its projections is asked for.
 */
export function projector<Part extends string>(
  projections: Projections<Part>,
  widths: Readonly<Record<Part, number>>,
  linear: (layer: string) => tf.Tensor2D,
): (part: Part) => tf.Tensor2D {
  const computed = new Map<Part, tf.Tensor2D>();
  return (wanted) => {
    if (!computed.has(wanted)) {
      const [layer, parts] = Object.entries(projections).find(([, held]) => held.includes(wanted))!;
      const whole = linear(layer);
      const sizes = parts.map((part) => widths[part]);
      const cut = parts.length === 1 ? [whole] : (tf.split(whole, sizes, -1) as tf.Tensor2D[]);
      for (const [index, part] of parts.entries()) computed.set(part, cut[index]!);
    }
    return computed.get(wanted)!;
  };
}
