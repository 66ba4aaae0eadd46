/**
 * The rows of a projection [heads * headSize, columns] whose heads turn neighbours (2i, 2i+1), as transformers has them: the even ones of
 * each head first, then the odd, since it turns halves (i, i + headSize/2). Any whole number of heads.
 */
export function pairsToHalves(values: Float32Array, headSize: number, columns: number): Float32Array {
  const result = new Float32Array(values.length);
  const rows = values.length / columns;
  for (let row = 0; row < rows; row++) {
    const inside = row % headSize;
    const target = row - inside + (inside % 2) * (headSize / 2) + Math.floor(inside / 2);
    result.set(values.subarray(row * columns, (row + 1) * columns), target * columns);
  }
  return result;
}
