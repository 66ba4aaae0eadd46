/** Where a module stands in a model: its layer, and what it is there. */
export interface ModulePlace {
  /** The first number in its name; null for a module outside all layers. */
  readonly layer: number | null;
  /** The rest of its name behind the layer, cut to its last part where that says as much. */
  readonly kind: string;
}

/**
 * The place of each module by its name: `model.layers.3.self_attn.q_proj` is q_proj of layer 3, but `h.0.attn.c_proj` beside
 * `h.0.mlp.c_proj` is attn.c_proj.
 */
export function modulePlaces(names: readonly string[]): Map<string, ModulePlace> {
  const parts = names.map((name) => {
    const [, layer, rest] = /\.(\d+)\.(.+)$/.exec(`.${name}`) ?? [];
    return { name, layer: layer === undefined ? null : Number(layer), path: rest ?? name };
  });
  const paths = new Map<string, Set<string>>();
  for (const { path } of parts) paths.set(lastOf(path), (paths.get(lastOf(path)) ?? new Set()).add(path));
  return new Map(
    parts.map(({ name, layer, path }) => [
      name,
      { layer, kind: paths.get(lastOf(path))!.size === 1 ? lastOf(path) : path },
    ]),
  );
}

/** The kinds of modules in the order in which they first come. */
export function kindsOf(places: ReadonlyMap<string, ModulePlace>): string[] {
  return [...new Set([...places.values()].map(({ kind }) => kind))];
}

function lastOf(path: string): string {
  return path.slice(path.lastIndexOf('.') + 1);
}
