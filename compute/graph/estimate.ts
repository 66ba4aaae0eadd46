import { type Precision, sizeOf } from '../tensors.ts';
import { type Graph, type Kernel, type Node, nodesOf } from './node.ts';

/** What one run of a graph costs. */
export interface Estimate {
  /** Multiplications, additions and functions of one number, each counted once. */
  readonly flops: number;
  /**
   * The most that is held at once when each value is made as late as it can be and freed after its last use: feeds, weights and
   * constants all along, outputs from when they are made. At the end the outputs are there twice: the runtime hands over
   * copies of all, and frees its own after that. A backend's own working memory comes on top.
   */
  readonly peakBytes: number;
  /** The bytes of the outputs, once. */
  readonly outputBytes: number;
  /** The bytes of `peakBytes` that weights take. Graphs of one checkpoint share theirs. */
  readonly weightBytes: number;
}

/** Kernels that move values, or choose among them, and compute nothing. */
const moves: ReadonlySet<Kernel> = new Set<Kernel>([
  ...(['Placeholder', 'Weight', 'Constant', 'Fill', 'Transpose', 'Reshape', 'BroadcastTo', 'Slice'] as const),
  ...(['Concat', 'PadV2', 'Tile', 'GatherV2', 'OneHot', 'Cast', 'Select', 'Reverse'] as const),
]);

/** Kernels that take one step for each entry of what goes in, not of what comes out. */
const reductions: ReadonlySet<Kernel> = new Set<Kernel>(['Sum', 'Mean', 'Max', 'Min', 'UnsortedSegmentSum']);

/** Cost and memory of one run of the graph with floats of this precision. Nothing is run. */
export function estimate(graph: Graph, precision: Precision): Estimate {
  const nodes = nodesOf(graph);
  const weights = nodes.filter(({ kernel }) => kernel === 'Weight');
  const outputBytes = [...graph.outputs.values()].reduce((sum, node) => sum + bytesOf(node, precision), 0);
  return {
    flops: nodes.reduce((sum, node) => sum + flopsOf(node), 0),
    peakBytes: peakBytes(graph, precision),
    outputBytes,
    weightBytes: weights.reduce((sum, node) => sum + bytesOf(node, precision), 0),
  };
}

/**
 * Steps of one node: 2 m k n for a product [m, k] x [k, n], 5 an entry for a softmax (largest, difference, exponential, sum,
 * quotient), one for each entry that is added up or comes out of anything else, and none for what only moves values.
 */
export function flopsOf(node: Node): number {
  if (moves.has(node.kernel)) return 0;
  if (node.kernel === 'BatchMatMul') {
    const [rows, columns] = node.inputs[0]!.shape.slice(-2) as [number, number];
    return 2 * sizeOf(node.shape) * (node.attributes.transposeA ? rows : columns);
  }
  if (node.kernel === 'Softmax' || node.kernel === 'LogSoftmax') return 5 * sizeOf(node.shape);
  return sizeOf(reductions.has(node.kernel) ? node.inputs[0]!.shape : node.shape);
}

/** Bytes of a node's result. */
export function bytesOf({ shape, dtype }: Node, precision: Precision): number {
  const bytes = dtype === 'bool' ? 1 : dtype === 'float32' && precision === 'float64' ? 8 : 4;
  return bytes * sizeOf(shape);
}

function peakBytes(graph: Graph, precision: Precision): number {
  const nodes = inLateOrder(graph);
  const outputs = new Set([...graph.outputs.values()].map(storage));
  const lastUse = new Map<Node, number>();
  for (const [at, node] of nodes.entries())
    for (const value of [node, ...node.inputs])
      if (!isHeld(value) && !outputs.has(storage(value))) lastUse.set(storage(value), at);
  let held = nodes.filter(isHeld).reduce((sum, node) => sum + bytesOf(node, precision), 0);
  let peak = held;
  for (const [at, node] of nodes.entries()) {
    if (storage(node) === node && !isHeld(node)) held += bytesOf(node, precision);
    peak = Math.max(peak, held);
    for (const value of new Set([node, ...node.inputs].map(storage)))
      if (lastUse.get(value) === at) held -= bytesOf(value, precision);
  }
  const copies = [...outputs].reduce((sum, node) => sum + bytesOf(node, precision), 0);
  return Math.max(peak, held + copies);
}

/** The nodes as ONNX Runtime executes them (see `inExecutionOrder`): the shallowest outputs first, each when what it needs is there. */
function inLateOrder(graph: Graph): Node[] {
  const depths = new Map<Node, number>();
  for (const node of nodesOf(graph))
    depths.set(node, 1 + node.inputs.reduce((most, input) => Math.max(most, depths.get(input)!), 0));
  const outputs = [...graph.outputs.values()].sort((a, b) => depths.get(a)! - depths.get(b)!);
  const ordered = new Set<Node>();
  for (const output of outputs) {
    const waiting = [output];
    while (waiting.length > 0) {
      const node = waiting.at(-1)!;
      const missing = node.inputs.filter((input) => !ordered.has(input));
      if (missing.length > 0) waiting.push(...missing);
      else ordered.add(waiting.pop()!);
    }
  }
  return [...ordered];
}

/** The node that a result lies in: a reshape shows the same numbers. */
function storage(node: Node): Node {
  return node.kernel === 'Reshape' ? storage(node.inputs[0]!) : node;
}

function isHeld({ kernel }: Node): boolean {
  return kernel === 'Placeholder' || kernel === 'Weight' || kernel === 'Constant';
}
