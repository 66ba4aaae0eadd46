import { sizeOf } from '../tensors.ts';
import { check } from './check.ts';
import { dependents, type Graph, type Node, nodesOf } from './node.ts';
import { sameShape } from './shapes.ts';
import { Simplifier } from './simplify.ts';

/**
 * A graph of equal function with fewer element-wise passes over what depends on its directions, at the price of more over
 * what does not: once the graph is split at its directions, those are paid for in every product, and these once. What depends
 * on the directions is linear in them; sums, differences and products with independent factors are gathered into linear
 * combinations of other nodes. There factors in a row become one coefficient, x c1 c2 = x (c1 c2), so do those of the same
 * node, x c1 + x c2 = x (c1 + c2), and a sum's factor moves into its terms, (x c1 + y c2) c3 = x (c1 c3) + y (c2 c3).
 */
export function collapse(graph: Graph, directions: ReadonlySet<string>): Graph {
  const nodes = nodesOf(graph);
  const dependent = dependents(nodes, directions);
  const collapser = new Collapser(graph, nodes, dependent);
  for (const node of nodes) collapser.rewrite(node);
  const result = { outputs: new Map([...graph.outputs].map(([name, node]) => [name, collapser.value(node)])) };
  check(result);
  return result;
}

/** factor * coefficient * of: `of` depends on the directions, the coefficient does not, and is 1 if there is none. */
interface Term {
  readonly of: Node;
  readonly factor: number;
  readonly coefficient: Node | undefined;
}

/** A summand, to be added or taken away. */
interface Part {
  readonly sign: number;
  readonly value: Node;
}

/** The sum of terms, of this shape after broadcasting. */
interface Form {
  readonly terms: readonly Term[];
  readonly shape: readonly number[];
}

class Collapser {
  readonly #simplifier = new Simplifier();
  readonly #dependent: ReadonlySet<Node>;
  /** The forms of old nodes that are linear combinations, until (and after) they are needed as values. */
  readonly #forms = new Map<Node, Form>();
  readonly #values = new Map<Node, Node>();
  /** How many nodes use a node. */
  readonly #uses = new Map<Node, number>();
  /** Nodes that something needs as values anyway. */
  readonly #solid = new Set<Node>();

  constructor(graph: Graph, nodes: readonly Node[], dependent: ReadonlySet<Node>) {
    this.#dependent = dependent;
    for (const output of graph.outputs.values()) this.#solid.add(output);
    for (const node of nodes)
      for (const input of new Set(node.inputs)) {
        this.#uses.set(input, (this.#uses.get(input) ?? 0) + 1);
        if (!this.#isCombination(node)) this.#solid.add(input);
      }
  }

  rewrite(node: Node): void {
    if (!this.#isCombination(node)) {
      this.#values.set(
        node,
        this.#simplifier.rewrite(node, (input) => this.value(input)),
      );
      return;
    }
    const [a, b] = node.inputs as [Node, Node];
    const form = this.#combine(node, a, b);
    this.#forms.set(node, { terms: gathered(form, (x, y) => this.#plus(x, y)), shape: node.shape });
  }

  /** The node in the new graph. */
  value(node: Node): Node {
    const known = this.#values.get(node);
    if (known !== undefined) return known;
    const value = this.#sum(node);
    this.#values.set(node, value);
    return value;
  }

  #combine(node: Node, a: Node, b: Node): readonly Term[] {
    switch (node.kernel) {
      case 'Add':
        return [...this.#terms(a, node), ...this.#terms(b, node)];
      case 'Sub':
        return [...this.#terms(a, node), ...scaled(this.#terms(b, node), -1)];
      case 'Neg':
        return scaled(this.#terms(a, node), -1);
      case 'RealDiv': {
        const one = this.#simplifier.scalar(1, b);
        return this.#times(this.#terms(a, node), this.#simplifier.make('RealDiv', [one, this.value(b)], {}));
      }
      default: {
        const [moving, fixed] = this.#dependent.has(a) ? [a, b] : [b, a];
        return this.#times(this.#terms(moving, node), this.value(fixed));
      }
    }
  }

  /**
   * The node as terms of a combination. A single term always moves; a sum only where nothing else needs it, and where its
   * user is not larger.
   */
  #terms(node: Node, user: Node): readonly Term[] {
    const form = this.#forms.get(node);
    const moves =
      form !== undefined &&
      !this.#solid.has(node) &&
      (form.terms.length === 1 || (this.#uses.get(node) === 1 && sameShape(node.shape, user.shape)));
    return moves ? form.terms : [{ of: this.value(node), factor: 1, coefficient: undefined }];
  }

  #times(terms: readonly Term[], by: Node): readonly Term[] {
    if (by.kernel === 'Fill') return scaled(terms, by.attributes.value);
    return terms.map((term) => ({
      ...term,
      coefficient: term.coefficient ? this.#simplifier.make('Multiply', [term.coefficient, by], {}) : by,
    }));
  }

  /** The terms of one node as one term. */
  #plus(x: Term, y: Term): Term {
    if (x.coefficient === undefined && y.coefficient === undefined) return { ...x, factor: x.factor + y.factor };
    const [a, b] = [x, y].map(({ coefficient, factor }) => {
      if (coefficient === undefined) return this.#simplifier.scalar(factor, x.of);
      return this.#simplifier.make('Multiply', [coefficient, this.#simplifier.scalar(factor, coefficient)], {});
    }) as [Node, Node];
    return { of: x.of, factor: 1, coefficient: this.#simplifier.make('Add', [a, b], {}) };
  }

  /** Terms of the same coefficient are added first, and multiplied together. */
  #sum(node: Node): Node {
    const { terms, shape } = this.#forms.get(node)!;
    const groups = new Map<Node | number, Term[]>();
    for (const term of terms) {
      const key = term.coefficient ?? Math.abs(term.factor);
      const known = groups.get(key);
      if (known === undefined) groups.set(key, [term]);
      else known.push(term);
    }
    const parts = [...groups.values()].flatMap((group) => this.#parts(group));
    const whole = this.#signed(this.#add(parts));
    return sameShape(whole.shape, shape) ? whole : this.#simplifier.make('BroadcastTo', [whole], { shape });
  }

  /** One part for all terms of a coefficient, if their numbers differ in sign at most. */
  #parts(group: readonly Term[]): Part[] {
    const size = Math.abs(group[0]!.factor);
    if (group.some(({ factor }) => Math.abs(factor) !== size)) return group.flatMap((term) => this.#parts([term]));
    const { coefficient } = group[0]!;
    const sum = this.#add(group.map(({ factor, of }) => ({ sign: Math.sign(factor), value: of })));
    if (coefficient === undefined) {
      const scale = this.#simplifier.scalar(size, sum.value);
      return [{ sign: sum.sign, value: this.#simplifier.make('Multiply', [sum.value, scale], {}) }];
    }
    // The sign is free in the coefficient.
    const scale = this.#simplifier.scalar(size * sum.sign, coefficient);
    const by = this.#simplifier.make('Multiply', [coefficient, scale], {});
    return [{ sign: 1, value: this.#simplifier.make('Multiply', [sum.value, by], {}) }];
  }

  /** The small first, the large first among themselves, and these two last: few passes, and the same sums are shared. */
  #add(parts: readonly Part[]): Part {
    const largest = Math.max(...parts.map(({ value }) => sizeOf(value.shape)));
    const [large, small] = [true, false].map((isLarge) =>
      parts.filter(({ value }) => (sizeOf(value.shape) === largest) === isLarge),
    ) as [Part[], Part[]];
    return small.length === 0 ? this.#chain(large) : this.#chain([this.#chain(large), this.#add(small)]);
  }

  #chain(parts: readonly Part[]): Part {
    const add = (values: readonly Part[]): Node =>
      values.map(({ value }) => value).reduce((sum, value) => this.#simplifier.make('Add', [sum, value], {}));
    const added = parts.filter(({ sign }) => sign >= 0);
    const taken = parts.filter(({ sign }) => sign < 0);
    if (added.length === 0) return { sign: -1, value: add(taken) };
    if (taken.length === 0) return { sign: 1, value: add(added) };
    return { sign: 1, value: this.#simplifier.make('Sub', [add(added), add(taken)], {}) };
  }

  #signed({ sign, value }: Part): Node {
    return sign < 0 ? this.#simplifier.make('Neg', [value], {}) : value;
  }

  #isCombination(node: Node): boolean {
    if (!this.#dependent.has(node)) return false;
    if (node.kernel === 'Add' || node.kernel === 'Sub') return node.inputs.every((input) => this.#dependent.has(input));
    if (node.kernel === 'Multiply') return node.inputs.filter((input) => this.#dependent.has(input)).length === 1;
    return node.kernel === 'Neg' || (node.kernel === 'RealDiv' && !this.#dependent.has(node.inputs[1]!));
  }
}

function scaled(terms: readonly Term[], by: number): readonly Term[] {
  return terms.map((term) => ({ ...term, factor: term.factor * by }));
}

/** Every node once. */
function gathered(terms: readonly Term[], plus: (x: Term, y: Term) => Term): readonly Term[] {
  const byNode = new Map<Node, Term>();
  for (const term of terms) {
    const known = byNode.get(term.of);
    byNode.set(term.of, known ? plus(known, term) : term);
  }
  return [...byNode.values()];
}
