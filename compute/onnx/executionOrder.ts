import type { OnnxNode } from './schema.ts';

/**
 * The nodes of a model in an order that makes ONNX Runtime hold little at once. The runtime does not execute a model's list as it
 * stands: it takes the nodes that no other node uses, the last of the list first, and executes what each of them needs. So these come
 * last here, the deepest first: each result is then made as soon as what it is made of is there, and what only it needed is freed.
 * (In a list as recorded, all results of a curvature come after the last step backward: resident memory was 0.5 GB more at 30 layers.) The order of execution is that of `GraphViewer` and `Graph::ReverseDFSFrom` in onnxruntime/core/graph.
 */
export function inExecutionOrder(nodes: readonly OnnxNode[]): OnnxNode[] {
  const used = new Set(nodes.flatMap(({ input }) => input));
  const isUsed = ({ output }: OnnxNode): boolean => output.some((name) => used.has(name));
  const depths = depthsOf(nodes);
  const depthOf = ({ output }: OnnxNode): number => depths.get(output[0]!)!;
  const last = nodes.filter((node) => !isUsed(node)).sort((a, b) => depthOf(b) - depthOf(a));
  return [...nodes.filter(isUsed), ...last];
}

/** For each value the number of nodes on the longest way to it, from nodes listed after what they use. */
function depthsOf(nodes: readonly OnnxNode[]): Map<string, number> {
  const depths = new Map<string, number>();
  for (const { input, output } of nodes) {
    const depth = 1 + Math.max(0, ...input.map((name) => depths.get(name) ?? 0));
    for (const name of output) depths.set(name, depth);
  }
  return depths;
}
