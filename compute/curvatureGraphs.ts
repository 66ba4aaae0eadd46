import { derivedGraph } from './derivedGraph.ts';
import { gaussNewtonVector } from './differentiate/gaussNewton.ts';
import { hessianVector, productName } from './differentiate/products.ts';
import type { TracedLoss } from './differentiate/tracedLoss.ts';
import type { KeepBudget } from './graph/budget.ts';
import { collapse } from './graph/collapse.ts';
import { mergeProducts } from './graph/mergeProducts.ts';
import type { Graph } from './graph/node.ts';
import { restrict } from './graph/restrict.ts';
import { type SplitGraph, splitAt } from './graph/split.ts';
import type { Curvature } from './program.ts';
import { directionName } from './trace/record.ts';

const products = { hessian: hessianVector, gaussNewton: gaussNewtonVector };

/** The graphs of one curvature, each made when it is first asked for. */
export class CurvatureGraphs {
  readonly #traced: TracedLoss;
  readonly #curvature: Curvature;
  readonly #budget: KeepBudget;
  #whole: Graph | undefined;
  #split: SplitGraph | undefined;

  constructor(traced: TracedLoss, curvature: Curvature, budget: KeepBudget) {
    this.#traced = traced;
    this.#curvature = curvature;
    this.#budget = budget;
  }

  /** The loss, its gradient and the product, all computed at once. */
  get whole(): Graph {
    this.#whole ??= derivedGraph(this.#traced, `${this.#curvature} product`, () =>
      mergeProducts(products[this.#curvature](this.#traced)),
    );
    return this.#whole;
  }

  /** The product's graph in two: what is independent of the direction, and the product itself. */
  get split(): SplitGraph {
    if (this.#split !== undefined) return this.#split;
    const directions = new Set(this.#names.map(directionName));
    const graph = derivedGraph(this.#traced, `${this.#curvature} product, to be split`, () =>
      mergeProducts(collapse(products[this.#curvature](this.#traced), directions), directions),
    );
    this.#split = splitAt(graph, directions, this.#budget);
    return this.#split;
  }

  /** The graph that holds the product: the first, or the second of the two. */
  product(from: 'whole' | 'split'): Graph {
    return from === 'whole' ? this.whole : this.split.product;
  }

  /** One of these products in the entries of some parameters alone, for directions that are zero in all others. */
  block(from: 'whole' | 'split', parameters: readonly string[]): Graph {
    const own = new Set(parameters);
    return restrict(this.product(from), {
      zero: new Set(this.#names.filter((name) => !own.has(name)).map(directionName)),
      outputs: new Set(parameters.map(productName)),
    });
  }

  get #names(): string[] {
    return this.#traced.signature.parameters.map(({ name }) => name);
  }
}
