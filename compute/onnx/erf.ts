import type { Emitter } from './emitter.ts';
import { elementType } from './schema.ts';

/** Beyond this erf is 1 in float64: erfc(6) = 2e-17. */
const bound = 6;
/** pi / 12.5: with it the series is off by erfc(12.5 - x) < 1e-19 at most. */
const step = Math.PI / 12.5;
/** exp(-(25 step)^2) < 1e-17 */
const terms = Array.from({ length: 25 }, (_, index) => index + 1);

/**
 * erf(x) in float64, which ONNX Runtime's own Erf does not have, from the Fourier series of a periodic sum of Gaussians,
 * integrated: erf(x) = 2/pi (h x + sum_n exp(-n^2 h^2) sin(2 n h x) / n) for |x| <= 6, to a few units in the last place
 * (H. E. Salzer, "Formulas for calculating the error function of a complex variable", 1951). All sines at once, along a
 * new last axis, and their sum as a product with the coefficients.
 */
export function emitErf(emitter: Emitter, x: string, shape: readonly number[], output: string): void {
  const float64 = elementType.float64;
  const column = emitter.value('Reshape', [x, emitter.integers([...shape, 1])]);
  const limits = [-bound, bound].map((limit) => emitter.constant([limit], [], float64));
  const bounded = emitter.value('Clip', [column, ...limits]);

  const frequencies = terms.map((n) => 2 * n * step);
  const amplitudes = terms.map((n) => ((2 / Math.PI) * Math.exp(-((n * step) ** 2))) / n);
  const angles = emitter.value('Mul', [bounded, emitter.constant(frequencies, [terms.length], float64)]);
  const sines = emitter.value('Sin', [angles]);
  const waves = emitter.value('MatMul', [sines, emitter.constant(amplitudes, [terms.length, 1], float64)]);
  const line = emitter.value('Mul', [bounded, emitter.constant([(2 / Math.PI) * step], [], float64)]);
  emitter.node('Reshape', [emitter.value('Add', [line, waves]), emitter.integers(shape)], output);
}
