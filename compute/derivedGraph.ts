import { contentHash, toolchainHash } from './cache/contentHash.ts';
import { graphCache } from './cache/fileCache.ts';
import type { TracedLoss } from './differentiate/tracedLoss.ts';
import type { Graph } from './graph/node.ts';
import { deserialiseGraph, serialiseGraph } from './graph/serialise.ts';

/**
 * A graph that `make` derives from a traced loss: read from the cache on disk if the same was derived from the same loss
 * before, by this code. A loss is known by its recording. If parts of that are hidden from derivatives, nothing is kept: the
 * recording does not say which.
 */
export function derivedGraph(traced: TracedLoss, name: string, make: () => Graph): Graph {
  const cache = traced.recording.hidesGradients ? undefined : graphCache();
  if (cache === undefined) return make();
  const loss = [serialiseGraph(traced.recording), JSON.stringify(traced.signature)];
  const key = contentHash(['derived graph', toolchainHash(), ...loss, name]);
  const known = cache.read(key);
  const kept = known && graphFrom(known);
  if (kept !== undefined) return kept;
  const graph = make();
  cache.write(key, Buffer.from(serialiseGraph(graph)));
  return graph;
}

/** The graph that a file holds; undefined if it holds something else, and the graph has to be made anew. */
function graphFrom(bytes: Uint8Array): Graph | undefined {
  try {
    return deserialiseGraph(Buffer.from(bytes).toString());
  } catch {
    return undefined;
  }
}
