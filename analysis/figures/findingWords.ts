/** A number in the title of a figure: three digits, or two with a power of ten. */
export function told(value: number): string {
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e5)) return value.toExponential(1);
  return String(Number(value.toPrecision(3)));
}

/** How far values, which are positive, lie apart: `3.6-fold`; null with fewer than two. */
export function foldWords(values: readonly number[]): string | null {
  if (values.length < 2) return null;
  const factor = Math.max(...values) / Math.min(...values);
  return Number.isFinite(factor) ? `${factor < 100 ? factor.toPrecision(2) : told(factor)}-fold` : null;
}
