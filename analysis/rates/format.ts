/** A learning rate in a sentence or a table: 1.19e-2, or 2.58 where no exponent is needed. */
export function formatRate(rate: number): string {
  return rate >= 0.1 && rate < 1000 ? rate.toPrecision(3) : rate.toExponential(2);
}

/** A ratio in words: `0.47 times`. */
export function times(ratio: number): string {
  return ratio >= 0.01 && ratio < 1000 ? `${Number(ratio.toPrecision(2))} times` : `${ratio.toExponential(1)} times`;
}

/** A fold error to two decimals, or in powers of ten where it is very large. */
export function fold(value: number): string {
  return value < 1000 ? value.toFixed(2) : value.toExponential(1);
}

/** A number to two decimals with its sign: `+0.60`. */
export function signed(value: number): string {
  return `${value > 0 ? '+' : ''}${value.toFixed(2)}`;
}

/** So many of a noun: `1 row`, `2,000 rows`. */
export function count(n: number, noun: string): string {
  return `${n.toLocaleString('en')} ${noun}${n === 1 ? '' : 's'}`;
}

/** The words with a capital first letter. */
export function capital(words: string): string {
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** Names in a row; those of configurations may have commas of their own, as `pissa, rank 64` has. */
export function listed(names: readonly string[]): string {
  return names.join(names.some((name) => name.includes(',')) ? '; ' : ', ');
}

/** A time in words: `35 s`, `12 min`, `3 h 5 min`. */
export function clock(seconds: number): string {
  if (seconds < 100) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 100 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
