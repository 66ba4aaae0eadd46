import { check } from './check.ts';
import { dependents, type Graph, type Node, type NodeOf, nodesOf } from './node.ts';
import { sameShape } from './shapes.ts';
import { Simplifier } from './simplify.ts';

/**
 * A graph of equal function with fewer and better laid out matrix products. Skinny ones, such as those with LoRA's
 * factors, take about as long as the reading and writing of their operands: sums of them become one over a joined inner
 * dimension, a b + c d = [a c] [b; d], and those of one matrix with several become one with all of them, [a b, a c] =
 * a [b c]. Turned ones, a' b, are laid out anew. What depends on the directions and what does not are never in one product,
 * so that the two can still be split. Extents up to `skinny` are skinny.
 */
export function mergeProducts(graph: Graph, directions: ReadonlySet<string> = new Set(), skinny = 64): Graph {
  const nodes = nodesOf(graph);
  const dependent = dependents(nodes, directions);
  const merger = new Merger(graph, dependent, skinny);
  // In their own order, so that calls are not nested deeply.
  for (const node of nodes) merger.visit(node);
  const result = { outputs: new Map([...graph.outputs].map(([name, node]) => [name, merger.value(node)])) };
  check(result);
  return result;
}

type Product = NodeOf<'BatchMatMul'>;

class Merger {
  readonly #simplifier = new Simplifier();
  readonly #dependent: ReadonlySet<Node>;
  readonly #values = new Map<Node, Node>();
  readonly #uses = new Map<Node, number>();
  readonly #skinny: number;
  /** Products with one left operand, under each of them. */
  readonly #siblings = new Map<Node, readonly Product[]>();

  /** Factors that do not depend on the directions, and of which the turned one is kept anyway. */
  readonly #keptTurned = new Set<Node>();

  constructor(graph: Graph, dependent: ReadonlySet<Node>, skinny: number) {
    this.#dependent = dependent;
    this.#skinny = skinny;
    const nodes = nodesOf(graph);
    for (const node of graph.outputs.values()) this.#uses.set(node, 1);
    for (const node of nodes) for (const input of node.inputs) this.#uses.set(input, (this.#uses.get(input) ?? 0) + 1);
    for (const node of nodes)
      if (isProduct(node) && this.#isLaidOut(node)) {
        const [a, b] = node.inputs as [Node, Node];
        if (!dependent.has(a)) this.#keptTurned.add(a);
        else if (!node.attributes.transposeB) this.#keptTurned.add(b);
      }
    const byOperand = new Map<string, Product[]>();
    for (const node of nodes) {
      if (!isProduct(node) || node.shape.length > 2 || !isSource(node.inputs[1]!) || node.shape[1]! > this.#skinny)
        continue;
      const { transposeA, transposeB } = node.attributes;
      const key = [node.inputs[0]!.id, transposeA, transposeB, dependent.has(node)].join();
      byOperand.set(key, [...(byOperand.get(key) ?? []), node]);
    }
    for (const products of byOperand.values())
      if (products.length > 1) for (const product of products) this.#siblings.set(product, products);
  }

  /** Makes a node's value, unless a sum may take the node apart: then a value of its own would be for nothing. */
  visit(node: Node): void {
    const isPart = this.#uses.get(node) === 1 && (node.kernel === 'Add' || isProduct(node));
    if (!isPart) this.value(node);
  }

  value(node: Node): Node {
    const known = this.#values.get(node);
    if (known !== undefined) return known;
    const value = this.#merged(node) ?? this.#simplifier.rewrite(node, (input) => this.value(input));
    this.#values.set(node, value);
    return value;
  }

  #merged(node: Node): Node | undefined {
    if (node.kernel === 'Add') return this.#sum(node);
    if (!isProduct(node)) return undefined;
    const siblings = this.#siblings.get(node);
    return siblings ? this.#oneOf(node, siblings) : this.#laidOut(node);
  }

  /** A sum whose skinny products are joined. */
  #sum(node: Node): Node | undefined {
    const products = new Map<string, Product[]>();
    const rest: Node[] = [];
    const leaves = this.#leaves(node, node);
    for (const leaf of leaves) {
      const isJoinable =
        isProduct(leaf) &&
        sameShape(leaf.shape, node.shape) &&
        this.#dependent.has(leaf) === this.#dependent.has(node) &&
        this.#uses.get(leaf) === 1 &&
        innerExtent(leaf) <= this.#skinny &&
        !this.#siblings.has(leaf);
      if (!isJoinable || leaf.shape.at(-1)! < 2 * innerExtent(leaf)) rest.push(leaf);
      else {
        const key = `${leaf.attributes.transposeA} ${leaf.attributes.transposeB}`;
        products.set(key, [...(products.get(key) ?? []), leaf]);
      }
    }
    if ([...products.values()].every((group) => group.length === 1)) return undefined;
    const parts = [
      ...rest.map((leaf) => this.value(leaf)),
      ...[...products.values()].map((group) => this.#joined(group)),
    ];
    return parts.reduce((sum, part) => this.#simplifier.make('Add', [sum, part], {}));
  }

  /** What a tree of additions adds up, as far as nothing else needs its inner nodes. */
  #leaves(node: Node, root: Node): readonly Node[] {
    const isInner =
      node.kernel === 'Add' && sameShape(node.shape, root.shape) && (node === root || this.#uses.get(node) === 1);
    return isInner ? node.inputs.flatMap((input) => this.#leaves(input, root)) : [node];
  }

  #joined(group: readonly Product[]): Node {
    const [first] = group;
    if (group.length === 1) return this.value(first!);
    const { transposeA, transposeB } = first!.attributes;
    const concat = (at: number, axis: number) =>
      this.#simplifier.make(
        'Concat',
        group.map(({ inputs }) => this.value(inputs[at]!)),
        { axis: first!.shape.length - 2 + axis },
      );
    const operands = [concat(0, transposeA ? 0 : 1), concat(1, transposeB ? 1 : 0)];
    return this.#simplifier.make('BatchMatMul', operands, { transposeA, transposeB });
  }

  /** The product's columns of one with all of its siblings. */
  #oneOf(node: Product, siblings: readonly Product[]): Node {
    const { transposeA, transposeB } = node.attributes;
    const columns = siblings.map(({ inputs }) => this.value(inputs[1]!));
    const all = this.#simplifier.make('Concat', columns, { axis: transposeB ? 0 : 1 });
    const [a] = node.inputs as [Node];
    const product =
      this.#keptTurned.has(a) && !transposeA
        ? this.#transposed(this.#product(all, this.#transposed(this.value(a)), !transposeB, false))
        : this.#simplifier.make('BatchMatMul', [this.value(a), all], { transposeA, transposeB });
    const before = siblings.slice(0, siblings.indexOf(node)).reduce((sum, { shape }) => sum + shape[1]!, 0);
    return this.#simplifier.make('Slice', [product], { begin: [0, before], size: node.shape });
  }

  /**
   * A product of a turned matrix, a' b, takes 2-3 times as long as one of a matrix as it lies. Where one factor does not
   * depend on the directions, but the other does, it is the left one, and is turned before it is kept: a' b = (b' a)'. Then
   * its other products take the turned one too, and it is not kept twice. Else the smaller factor is the one to turn.
   */
  #laidOut(node: Product): Node | undefined {
    const { transposeA, transposeB } = node.attributes;
    const [a, b] = node.inputs as [Node, Node];
    const [rows, columns] = node.shape.slice(-2) as [number, number];
    if (this.#isLaidOut(node)) {
      if (!this.#dependent.has(a))
        return this.#product(this.#transposed(this.value(a)), this.value(b), false, transposeB);
      const left = transposeB ? this.value(b) : this.#transposed(this.value(b));
      return this.#transposed(this.#product(left, this.value(a), false, false));
    }
    const isTall = node.shape.length === 2 && columns <= this.#skinny && rows > this.#skinny;
    const isTurned = this.#dependent.has(node) ? !transposeA && this.#keptTurned.has(a) : transposeA;
    if (!isTall || !isTurned) return undefined;
    const right = transposeA ? this.value(a) : this.#transposed(this.value(a));
    return this.#transposed(this.#product(this.value(b), right, !transposeB, false));
  }

  /** True where a factor of a' b that does not depend on the directions is turned, to be kept, for one that does. */
  #isLaidOut({ inputs, attributes, shape }: Product): boolean {
    const [a, b] = inputs as [Node, Node];
    if (!attributes.transposeA || isSource(a) || isSource(b)) return false;
    if (!this.#dependent.has(a)) return this.#dependent.has(b);
    return !this.#dependent.has(b) && Math.min(...shape.slice(-2)) <= this.#skinny;
  }

  /** A product as it is said: a rule would undo the layout. */
  #product(a: Node, b: Node, transposeA: boolean, transposeB: boolean): Node {
    return this.#simplifier.plain('BatchMatMul', [a, b], { transposeA, transposeB });
  }

  #transposed(x: Node): Node {
    const { length } = x.shape;
    const perm = x.shape.map((_, axis) => (axis < length - 2 ? axis : 2 * length - 3 - axis));
    return this.#simplifier.make('Transpose', [x], { perm });
  }
}

function isProduct(node: Node): node is Product {
  return (
    node.kernel === 'BatchMatMul' && sameShape(node.inputs[0]!.shape.slice(0, -2), node.inputs[1]!.shape.slice(0, -2))
  );
}

function isSource({ kernel }: Node): boolean {
  return kernel === 'Placeholder' || kernel === 'Weight' || kernel === 'Constant';
}

function innerExtent({ inputs, attributes }: Product): number {
  return inputs[0]!.shape.at(attributes.transposeA ? -2 : -1)!;
}
