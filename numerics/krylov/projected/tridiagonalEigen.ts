/** The eigenvalues of a symmetric tridiagonal matrix T [k, k], ascending, and what is asked of its unit eigenvectors. */
export interface TridiagonalEigen {
  readonly values: readonly number[];
  /** The first entry [k] of each eigenvector. */
  readonly first: readonly number[];
  /** The last entry [k] of each eigenvector. */
  readonly last: readonly number[];
  /** The eigenvector [k] that belongs to `values[index]`; the first one that is asked for costs k^3, all else k^2. */
  vector(index: number): readonly number[];
}

/**
 * The eigendecomposition of the symmetric tridiagonal matrix with this diagonal [k] and off-diagonal [k - 1, further
 * entries are ignored], by implicit QL (EISPACK's tql2); errors are a few roundoffs of the largest eigenvalue. A search looks at
 * values and last entries after each product, at vectors only once. All entries must be finite.
 */
export function tridiagonalEigen(diagonal: readonly number[], offDiagonal: readonly number[]): TridiagonalEigen {
  const size = diagonal.length;
  const beside = offDiagonal.slice(0, size - 1);
  // Entries are squared, and leave float64's range beyond 1e154. A power of two rounds nothing.
  const largest = [...diagonal, ...beside].reduce((most, entry) => Math.max(most, Math.abs(entry)), 0);
  const scale = largest > 0 ? 2 ** Math.floor(Math.log2(largest)) : 1;
  const solved = (columns: readonly Float64Array[]): { values: Float64Array; order: readonly number[] } => {
    const values = Float64Array.from(diagonal, (entry) => entry / scale);
    implicitQl(
      values,
      Float64Array.from([...beside, 0], (entry) => entry / scale),
      columns,
    );
    return { values, order: [...values.keys()].sort((a, b) => values[a]! - values[b]!) };
  };

  const ends = Array.from({ length: size }, (_, j) => Float64Array.of(j === 0 ? 1 : 0, j === size - 1 ? 1 : 0));
  const { values, order } = solved(ends);
  let whole: readonly Float64Array[] | undefined;
  const vectors = (): readonly Float64Array[] => {
    const columns = Array.from({ length: size }, (_, j) => new Float64Array(size).fill(1, j, j + 1));
    solved(columns);
    return columns;
  };
  return {
    values: order.map((column) => values[column]! * scale),
    first: order.map((column) => ends[column]![0]!),
    last: order.map((column) => ends[column]![1]!),
    vector(index) {
      whole ??= vectors();
      return [...whole[order[index]!]!];
    },
  };
}

/**
 * Turns the diagonal d [k] of T into its eigenvalues, in no order, and e, its off-diagonal [k - 1] and a zero, into zeros. Columns
 * of the identity matrix [k, k], or of some of its rows, become those of the eigenvectors: the rotations mix columns, each row by
 * itself. Bowdler, Martin, Reinsch and Wilkinson, Handbook for Automatic Computation, volume II (1971), contribution II/3.
 */
function implicitQl(d: Float64Array, e: Float64Array, columns: readonly Float64Array[]): void {
  const size = d.length;
  let [shift, largest] = [0, 0];
  for (let l = 0; l < size; l++) {
    largest = Math.max(largest, Math.abs(d[l]!) + Math.abs(e[l]!));
    let m = l;
    while (Math.abs(e[m]!) > Number.EPSILON * largest) m++;
    if (m > l) {
      do {
        const before = d[l]!;
        let p = (d[l + 1]! - before) / (2 * e[l]!);
        const root = p < 0 ? -length(p, 1) : length(p, 1);
        d[l] = e[l]! / (p + root);
        d[l + 1] = e[l]! * (p + root);
        const [beyond, next] = [d[l + 1]!, e[l + 1]!];
        const step = before - d[l]!;
        for (let i = l + 2; i < size; i++) d[i]! -= step;
        shift += step;

        p = d[m]!;
        let [c, c2, c3, s, s2] = [1, 1, 1, 0, 0];
        for (let i = m - 1; i >= l; i--) {
          [c3, c2, s2] = [c2, c, s];
          const [g, h] = [c * e[i]!, c * p];
          const r = length(p, e[i]!);
          e[i + 1] = s * r;
          s = e[i]! / r;
          c = p / r;
          p = c * d[i]! - s * g;
          d[i + 1] = h + s * (c * g + s * d[i]!);
          rotate(columns[i]!, columns[i + 1]!, c, s);
        }
        p = (-s * s2 * c3 * next * e[l]!) / beyond;
        e[l] = s * p;
        d[l] = c * p;
      } while (Math.abs(e[l]!) > Number.EPSILON * largest);
    }
    d[l]! += shift;
    e[l] = 0;
  }
}

function rotate(left: Float64Array, right: Float64Array, c: number, s: number): void {
  for (let row = 0; row < left.length; row++) {
    const [a, b] = [left[row]!, right[row]!];
    right[row] = s * a + c * b;
    left[row] = c * a - s * b;
  }
}

/** sqrt(a^2 + b^2), not both of them zero: faster than Math.hypot, and as exact as is needed. */
function length(a: number, b: number): number {
  const [least, most] = Math.abs(a) > Math.abs(b) ? [b, a] : [a, b];
  const ratio = least / most;
  return Math.abs(most) * Math.sqrt(1 + ratio * ratio);
}
