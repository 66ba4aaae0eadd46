import { check } from './check.ts';
import { type Graph, isFill, type Node, type NodeOf, nodesOf } from './node.ts';
import { Simplifier } from './simplify.ts';

/** Which part of a function of directions is wanted. */
export interface Restriction {
  /** Names of the placeholders that are zero. */
  readonly zero: ReadonlySet<string>;
  /** Names of the outputs that are wanted. */
  readonly outputs: ReadonlySet<string>;
}

/**
 * Cuts a graph down for directions some of which are zero, and to some of its outputs: what nobody wants is left out, and
 * so is what the zeros make zero. Of the Hessian's product this leaves that of a principal block, where tangents begin at the
 * block's first layer and cotangents end there. Layouts of products stay as they are, and so do the names of all placeholders:
 * a restricted product takes the kept values of the whole one.
 */
export function restrict(graph: Graph, { zero, outputs }: Restriction): Graph {
  const wanted = new Map([...graph.outputs].filter(([name]) => outputs.has(name)));
  const restricter = new Restricter(zero);
  const values = new Map<Node, Node>();
  for (const node of nodesOf({ outputs: wanted })) values.set(node, restricter.rewrite(node, values));
  const result = { outputs: new Map([...wanted].map(([name, node]) => [name, values.get(node)!])) };
  check(result);
  return result;
}

type Product = NodeOf<'BatchMatMul'>;
type Concatenation = NodeOf<'Concat'>;

class Restricter {
  readonly #simplifier = new Simplifier();
  readonly #zero: ReadonlySet<string>;

  constructor(zero: ReadonlySet<string>) {
    this.#zero = zero;
  }

  /** The node on the values of its inputs. */
  rewrite(node: Node, values: ReadonlyMap<Node, Node>): Node {
    const inputs = node.inputs.map((input) => values.get(input)!);
    if (node.kernel === 'Placeholder' && this.#zero.has(node.attributes.name)) return this.#zeros(node);
    if (node.kernel === 'BatchMatMul') return this.#product(inputs as [Node, Node], node.attributes);
    if (node.kernel === 'Transpose') return this.#transpose(inputs[0]!, node.attributes.perm);
    return this.#simplifier.rewrite(node, (input) => values.get(input)!);
  }

  /** A product of concatenations with zero parts does without them: they add nothing, or are zero parts of the result. */
  #product(inputs: readonly [Node, Node], attributes: Product['attributes']): Node {
    if (inputs.some((input) => isFill(input, 0))) return this.#simplifier.make('BatchMatMul', inputs, attributes);
    for (const at of [0, 1] as const) {
      const [operand, other] = [inputs[at], inputs[1 - at]!];
      if (!isPartlyZero(operand)) continue;
      const { axis } = operand.attributes;
      const rank = operand.shape.length;
      const withOther = (part: Node, rest: Node) => this.#product(at === 0 ? [part, rest] : [rest, part], attributes);
      if (axis === innerAxis(at, rank, attributes)) {
        const rest = this.#beside(operand, other, innerAxis(1 - at, rank, attributes));
        return withOther(this.#withoutZeros(operand), rest);
      }
      if (axis >= rank - 2) {
        const parts = operand.inputs.map((part) => withOther(part, other));
        return this.#simplifier.make('Concat', parts, { axis: at === 0 ? rank - 2 : rank - 1 });
      }
    }
    // As it is said: a rule would undo the layout.
    return this.#simplifier.plain('BatchMatMul', inputs, attributes);
  }

  #transpose(x: Node, perm: readonly number[]): Node {
    if (!isPartlyZero(x)) return this.#simplifier.make('Transpose', [x], { perm });
    const parts = x.inputs.map((part) => this.#transpose(part, perm));
    return this.#simplifier.make('Concat', parts, { axis: perm.indexOf(x.attributes.axis) });
  }

  #withoutZeros({ inputs, attributes }: Concatenation): Node {
    return this.#joined(
      inputs.filter((part) => !isFill(part, 0)),
      attributes.axis,
    );
  }

  /** The entries of a product's other operand that the nonzero parts meet, along its inner axis. */
  #beside({ inputs, attributes }: Concatenation, other: Node, axis: number): Node {
    const parts: Node[] = [];
    let start = 0;
    for (const part of inputs) {
      const extent = part.shape[attributes.axis]!;
      const begin = other.shape.map((_, at) => (at === axis ? start : 0));
      const size = other.shape.map((whole, at) => (at === axis ? extent : whole));
      if (!isFill(part, 0)) parts.push(this.#simplifier.make('Slice', [other], { begin, size }));
      start += extent;
    }
    return this.#joined(parts, axis);
  }

  #joined(parts: readonly Node[], axis: number): Node {
    return parts.length === 1 ? parts[0]! : this.#simplifier.make('Concat', parts, { axis });
  }

  #zeros(like: Node): Node {
    return this.#simplifier.make('BroadcastTo', [this.#simplifier.scalar(0, like)], { shape: like.shape });
  }
}

function isPartlyZero(node: Node): node is Concatenation {
  return node.kernel === 'Concat' && node.inputs.some((part) => isFill(part, 0));
}

/** The axis of a product's first or second operand that is summed over. */
function innerAxis(at: number, rank: number, { transposeA, transposeB }: Product['attributes']): number {
  const isLast = at === 0 ? !transposeA : transposeB;
  return isLast ? rank - 1 : rank - 2;
}
