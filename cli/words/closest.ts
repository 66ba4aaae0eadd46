/** The name that a typed one is most likely a slip of: at most a third of its letters apart; undefined where none is so close. */
export function closest(typed: string, names: readonly string[]): string | undefined {
  const word = typed.toLowerCase();
  const [best] = names
    .map((name) => ({ name, slips: slipsBetween(word, name.toLowerCase()) }))
    .filter(({ name, slips }) => slips > 0 && slips <= Math.max(1, Math.ceil(Math.min(word.length, name.length) / 3)))
    .sort((a, b) => a.slips - b.slips);
  return best?.name;
}

/** Letters to add, leave out, change or swap with their neighbour: the optimal string alignment distance. */
function slipsBetween(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, column) => column)];
  for (let row = 1; row <= a.length; row++) {
    const [above, line] = [rows[row - 1]!, [row]];
    for (let column = 1; column <= b.length; column++) {
      const changed = above[column - 1]! + (a[row - 1] === b[column - 1] ? 0 : 1);
      const isSwap = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      const swapped = isSwap ? rows[row - 2]![column - 2]! + 1 : changed;
      line.push(Math.min(above[column]! + 1, line[column - 1]! + 1, changed, swapped));
    }
    rows.push(line);
  }
  return rows[a.length]![b.length]!;
}
