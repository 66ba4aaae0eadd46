import type { Precision } from '../tensors.ts';
import { bytesOf, flopsOf } from './estimate.ts';
import type { Kernel, Node } from './node.ts';

/** The most that may be kept between products, and the precision that it is counted in. */
export interface KeepBudget {
  readonly maxBytes: number;
  readonly precision: Precision;
}

/** Kernels that are not worth recomputing: each entry of theirs takes many steps, or many entries of what goes in. */
const dear: ReadonlySet<Kernel> = new Set<Kernel>(['BatchMatMul', 'Sum', 'Mean', 'Max', 'Min', 'UnsortedSegmentSum']);

/**
 * The values to keep instead of `kept`, so that they fit in the budget. As long as they do not, one value is given up, to be
 * computed anew in each product: through cheap operations, from what is still kept and from sources. Greedy: always the
 * value that costs the fewest steps per byte saved. Where a chain of cheap operations begins at a value that was not
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
  for (let total = bytes(left); total > maxBytes; total = bytes(left)) {
    const best = [...left]
      .filter((node) => !dear.has(node.kernel))
      .map((node) => {
        const { chain, starts } = originOf(node, left, isSource);
        const saved = bytesOf(node, precision) - bytes(starts);
        const steps = [...chain].reduce((sum, link) => sum + flopsOf(link), 0);
        return { node, starts, saved, price: steps / saved };
      })
      .filter(({ saved }) => saved > 0)
      .reduce<Candidate | undefined>((a, b) => (a !== undefined && a.price <= b.price ? a : b), undefined);
    if (best === undefined) return left;
    left.delete(best.node);
    for (const start of best.starts) left.add(start);
  }
  return left;
}

interface Candidate {
  readonly node: Node;
  readonly starts: ReadonlySet<Node>;
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
