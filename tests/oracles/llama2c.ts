/** Sizes of a llama2.c model. */
export interface Sizes {
  readonly dim: number;
  readonly hidden: number;
  readonly layers: number;
  readonly heads: number;
  readonly keyValueHeads: number;
  readonly vocabulary: number;
}

/** Weights by llama2.c's names, each row-major. */
export type Weights = ReadonlyMap<string, Float32Array>;

/** The logits of each position, computed as llama2.c's run.c does: token by token, neighbours turned in pairs. */
export function runLlama2c(sizes: Sizes, weights: Weights, tokens: readonly number[]): number[][] {
  const { dim, hidden, layers, heads, keyValueHeads, vocabulary } = sizes;
  const headSize = dim / heads;
  const caches = Array.from({ length: layers }, () => ({ keys: [] as number[][], values: [] as number[][] }));
  const product = (name: string, x: readonly number[], out: number): number[] => {
    const w = weights.get(name)!;
    return Array.from({ length: out }, (_, row) =>
      x.reduce((sum, value, j) => sum + w[row * x.length + j]! * value, 0),
    );
  };
  const norm = (x: readonly number[], name: string): number[] => {
    const scale = 1 / Math.sqrt(x.reduce((sum, value) => sum + value * value, 0) / x.length + 1e-5);
    return x.map((value, j) => weights.get(name)![j]! * value * scale);
  };
  const turn = (x: number[], position: number): void => {
    for (let i = 0; i < x.length; i += 2) {
      const angle = position / 10_000 ** ((i % headSize) / headSize);
      const [a, b] = [x[i]!, x[i + 1]!];
      x[i] = a * Math.cos(angle) - b * Math.sin(angle);
      x[i + 1] = a * Math.sin(angle) + b * Math.cos(angle);
    }
  };
  const embedding = weights.get('tok_embeddings')!;
  return tokens.map((token, position) => {
    let x = Array.from(embedding.subarray(token * dim, (token + 1) * dim));
    for (const [layer, cache] of caches.entries()) {
      const name = `layers.${layer}.`;
      const inputs = norm(x, `${name}attention_norm`);
      const q = product(`${name}attention.wq`, inputs, dim);
      const k = product(`${name}attention.wk`, inputs, keyValueHeads * headSize);
      turn(q, position);
      turn(k, position);
      cache.keys.push(k);
      cache.values.push(product(`${name}attention.wv`, inputs, keyValueHeads * headSize));
      const mixed = Array.from({ length: heads }, (_, head) => {
        const at = Math.floor(head / (heads / keyValueHeads)) * headSize;
        const own = q.slice(head * headSize, (head + 1) * headSize);
        const scores = cache.keys.map((key) =>
          Math.exp(own.reduce((sum, value, j) => sum + value * key[at + j]!, 0) / Math.sqrt(headSize)),
        );
        const total = scores.reduce((sum, score) => sum + score, 0);
        return own.map((_, j) => cache.values.reduce((sum, v, t) => sum + (scores[t]! / total) * v[at + j]!, 0));
      }).flat();
      const attended = product(`${name}attention.wo`, mixed, dim);
      x = x.map((value, j) => value + attended[j]!);
      const fed = norm(x, `${name}ffn_norm`);
      const up = product(`${name}feed_forward.w3`, fed, hidden);
      const gated = product(`${name}feed_forward.w1`, fed, hidden).map((g, j) => (g / (1 + Math.exp(-g))) * up[j]!);
      const changed = product(`${name}feed_forward.w2`, gated, dim);
      x = x.map((value, j) => value + changed[j]!);
    }
    return product(weights.has('output') ? 'output' : 'tok_embeddings', norm(x, 'norm'), vocabulary);
  });
}
