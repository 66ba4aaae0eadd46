/** So many batches whose longest row has so many tokens. The number may be an expected one. */
export interface LengthCount {
  readonly length: number;
  readonly batches: number;
}

/** A length to which rows of this length are padded: at least as long. */
export type PadTo = (length: number) => number;

/** Lengths are multiples of so many positions, which products of matrices are fastest for. */
const granularity = 8;

/**
 * The few lengths that cost least for batches of these lengths: the positions of all batches together, and `price` positions for
 * each length that is used, since a graph has to be compiled for it. Exact, by dynamic programming over the lengths that occur. It
 * follows from its arguments alone, and so does what is rounded in a run. A length above all of these is padded as
 * {@link bucketLength} says.
 */
export function cheapestLengths(counts: readonly LengthCount[], price: number): PadTo {
  const batches = new Map<number, number>();
  for (const { length, batches: more } of counts) {
    const padded = Math.max(granularity, Math.ceil(length / granularity) * granularity);
    batches.set(padded, (batches.get(padded) ?? 0) + more);
  }
  const lengths = [...batches.keys()].sort((a, b) => a - b);
  const chosen = chooseLengths(
    lengths.map((length) => ({ length, batches: batches.get(length)! })),
    price,
  );
  return (length) => chosen.find((padded) => padded >= length) ?? bucketLength(length);
}

/** The lengths that cost least, out of rising ones; rising too. */
function chooseLengths(counts: readonly LengthCount[], price: number): number[] {
  /** The least cost of the batches before each place, and where the last group of these begins. */
  const best = [{ cost: 0, from: 0 }];
  for (const [last, { length }] of counts.entries()) {
    let found = { cost: Infinity, from: last };
    let grouped = 0;
    for (let from = last; from >= 0; from--) {
      grouped += counts[from]!.batches;
      const cost = best[from]!.cost + price + grouped * length;
      if (cost < found.cost) found = { cost, from };
    }
    best.push(found);
  }
  const chosen: number[] = [];
  for (let end = counts.length; end > 0; end = best[end]!.from) chosen.unshift(counts[end - 1]!.length);
  return chosen;
}

/**
 * How many of so many batches of rows that are drawn at random have their longest row at each length: with F(n) the part of the rows
 * that has at most n tokens, F(n)^size is that of the batches. It depends on no order, so that runs of other seeds share their graphs.
 */
export function drawnLengths(rowLengths: readonly number[], size: number, batches: number): LengthCount[] {
  const sorted = [...rowLengths].sort((a, b) => a - b);
  const partUpTo = (count: number) => (count / sorted.length) ** size;
  return sorted.map((length, place) => ({ length, batches: batches * (partUpTo(place + 1) - partUpTo(place)) }));
}

/** The next of 8, 16, 24, 32, 48, 64, 96, 128, 192, ... (powers of two and their halfway points): few shapes to compile. */
export function bucketLength(length: number): number {
  if (length <= 8) return 8;
  const power = 2 ** Math.ceil(Math.log2(length));
  const halfway = (power * 3) / 4;
  return length <= halfway && halfway >= 24 ? halfway : power;
}
