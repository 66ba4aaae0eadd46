/**
 * The merges that a SentencePiece vocabulary stands for: for every token all pairs of tokens that make it, those of better tokens
 * first. `scoreOf` says how good token `id` is. As `generate_merges` of transformers, ties included.
 */
export function mergesOf(
  tokens: readonly string[],
  scoreOf: (id: number) => number,
): (readonly [left: string, right: string])[] {
  const ids = new Map(tokens.map((token, id) => [token, id]));
  const merges: {
    readonly left: string;
    readonly right: string;
    readonly leftLength: number;
    readonly score: number;
  }[] = [];
  for (const [id, token] of tokens.entries()) {
    const characters = [...token];
    const score = scoreOf(id);
    const own: typeof merges = [];
    let at = 0;
    for (let leftLength = 1; leftLength < characters.length; leftLength++) {
      at += characters[leftLength - 1]!.length;
      const [left, right] = [token.slice(0, at), token.slice(at)];
      if (ids.has(left) && ids.has(right)) own.push({ left, right, leftLength, score });
    }
    own.sort((a, b) => ids.get(a.left)! - ids.get(b.left)! || ids.get(a.right)! - ids.get(b.right)!);
    merges.push(...own);
  }
  const length = ({ right }: (typeof merges)[number]) => [...right].length;
  merges.sort((a, b) => b.score - a.score || b.leftLength - a.leftLength || length(b) - length(a));
  return merges.map(({ left, right }) => [left, right]);
}
