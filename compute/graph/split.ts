import { sizeOf } from '../tensors.ts';
import { type KeepBudget, withinBudget } from './budget.ts';
import { check } from './check.ts';
import { dependents, type Graph, type Node, nodesOf } from './node.ts';

/** A graph in two parts: what can be computed once, and what must be computed anew for each direction. */
export interface SplitGraph {
  /** Independent of the directions: the outputs that are, and every value that `product` needs, under `keptName`. */
  readonly prepare: Graph;
  /** The outputs that depend on the directions. It takes the kept values through placeholders of the same names. */
  readonly product: Graph;
  /** The names of the values that cross. */
  readonly kept: readonly string[];
  /** Entries of all kept values together. */
  readonly keptSize: number;
}

/**
 * Splits a graph at some of its placeholders. What does not depend on them is computed once and kept; views of kept
 * values (a reshape, a broadcast) are taken again instead of being kept twice. With a budget, cheap values are computed
 * anew in the product instead of being kept, as far as `withinBudget` can: the same numbers, at the price of time.
 */
export function splitAt(graph: Graph, directions: ReadonlySet<string>, budget?: KeepBudget): SplitGraph {
  const nodes = nodesOf(graph);
  const dependent = dependents(nodes, directions);
  const needed = new Set<Node>();
  for (const node of nodes)
    if (dependent.has(node))
      for (const input of node.inputs)
        if (!dependent.has(input)) {
          const source = behindViews(input);
          if (!isSource(source)) needed.add(source);
        }
  const chosen = budget ? withinBudget(needed, isSource, budget) : needed;
  const kept = new Map([...chosen].map((node) => [node, keptName(node)]));

  const outputs = [...graph.outputs];
  const constantOutputs = outputs.filter(([, node]) => !dependent.has(node));
  const keptOutputs = [...kept].map(([node, name]) => [name, node] as const);
  const product = cut(
    outputs.filter(([, node]) => dependent.has(node)),
    kept,
  );
  check(product);
  return {
    prepare: { outputs: new Map([...constantOutputs, ...keptOutputs]) },
    product,
    kept: [...kept.values()],
    keptSize: [...kept.keys()].reduce((sum, node) => sum + sizeOf(node.shape), 0),
  };
}

/** The name under which a kept value leaves one part and enters the other. */
function keptName(node: Node): string {
  return `kept ${node.id}`;
}

/** The value that a chain of views shows. */
function behindViews(node: Node): Node {
  const isView = node.kernel === 'Reshape' || node.kernel === 'BroadcastTo';
  return isView ? behindViews(node.inputs[0]!) : node;
}

/** True for what either part can have by itself. */
function isSource({ kernel }: Node): boolean {
  return kernel === 'Placeholder' || kernel === 'Weight' || kernel === 'Constant' || kernel === 'Fill';
}

/** The graph of `outputs` with the kept nodes replaced by placeholders. */
function cut(outputs: readonly (readonly [string, Node])[], kept: ReadonlyMap<Node, string>): Graph {
  const replaced = new Map<Node, Node>();
  for (const node of nodesOf({ outputs: new Map(outputs) })) {
    const name = kept.get(node);
    if (name !== undefined)
      replaced.set(node, { ...node, kernel: 'Placeholder', inputs: [], attributes: { name } } as Node);
    else if (node.inputs.some((input) => replaced.has(input)))
      replaced.set(node, { ...node, inputs: node.inputs.map((input) => replaced.get(input) ?? input) } as Node);
  }
  return { outputs: new Map(outputs.map(([name, node]) => [name, replaced.get(node) ?? node])) };
}
