import { type Precision, sizeOf } from '../tensors.ts';
import { bytesOf, flopsOf } from './estimate.ts';
import type { Kernel, Node } from './node.ts';

/** The most that may be kept between products, and the precision that it is counted in. */
export interface KeepBudget {
  readonly maxBytes: number;
  readonly precision: Precision;
}

/** Kernels that are not worth recomputing: each entry of theirs takes many steps, or many entries of what goes in. */
const dear: ReadonlySet<Kernel> = new Set<Kernel>(['BatchMatMul', 'Sum', 'Mean', 'Max', 'Min', 'UnsortedSegmentSum']);

/** Steps for each entry of what only moves values: turning a matrix takes four times as long as multiplying its entries. */
const movingSteps: Partial<Record<Kernel, number>> = {
  Transpose: 4,
  Slice: 1,
  Concat: 1,
  PadV2: 1,
  Tile: 1,
  Reverse: 1,
};

/**
 * The values to keep instead of `kept`, so that they fit in the budget. As long as they do not, values are given up, to be
 * computed anew in each product: through cheap operations, from what is still kept and from sources. Greedy: first the
 * values that cost the fewest steps per byte saved. Where a chain of cheap operations begins at a value that was not
 * kept, that one is kept in its place, if it is smaller. Some of the values that are left may still exceed the budget.
 */
export function withinBudget(
  kept: ReadonlySet<Node>,
  isSource: (node: Node) => boolean,
  { maxBytes, precision }: KeepBudget,
): Set<Node> {
  const left = new Set(kept);
  const bytes = (nodes: Iterable<Node>): number => {
    let sum = 0;
    for (const node of nodes) sum += bytesOf(node, precision);
    return sum;
  };
  const candidate = (node: Node): Candidate => {
    const { chain, starts } = originOf(node, left, isSource);
    const saved = bytesOf(node, precision) - bytes(starts);
    const steps = [...chain].reduce((sum, link) => sum + stepsOf(link), 0);
    return { node, starts, saved, price: saved > 0 ? steps / saved : Infinity };
  };
  for (let total = bytes(left); total > maxBytes; ) {
    const before = total;
    const candidates = [...left]
      .filter((node) => !dear.has(node.kernel))
      .map(candidate)
      .filter(({ saved }) => saved > 0)
      .sort((a, b) => a.price - b.price);
    for (const { node, price } of candidates) {
      if (total <= maxBytes) break;
      // What was given up meanwhile may have made it dearer: then it has to wait for its turn.
      const now = candidate(node);
      if (now.price > price) continue;
      left.delete(node);
      for (const start of now.starts) left.add(start);
      total -= now.saved;
    }
    if (total === before) break;
  }
  return left;
}

function stepsOf(node: Node): number {
  return flopsOf(node) + (movingSteps[node.kernel] ?? 0) * sizeOf(node.shape);
}

interface Candidate {
  readonly node: Node;
  readonly starts: ReadonlySet<Node>;
  /** Bytes. */
  readonly saved: number;
  /** Steps for each of these. */
  readonly price: number;
}

/** The cheap operations that make a value out of kept ones and sources, and the values besides that they start from. */
function originOf(node: Node, kept: ReadonlySet<Node>, isSource: (node: Node) => boolean) {
  const chain = new Set([node]);
  const starts = new Set<Node>();
  const waiting = [...node.inputs];
  while (waiting.length > 0) {
    const input = waiting.pop()!;
    if (chain.has(input) || kept.has(input) || isSource(input)) continue;
    if (dear.has(input.kernel)) {
      starts.add(input);
      continue;
    }
    chain.add(input);
    waiting.push(...input.inputs);
  }
  return { chain, starts };
}
