import { sizeOf } from '../tensors.ts';
import { GraphBuilder } from './builder.ts';
import { check } from './check.ts';
import { type DType, type Graph, isFill, type Kernel, type KernelAttributes, type Node, nodesOf } from './node.ts';
import { broadcastShapes, inferType, type SourceKernel, sameShape } from './shapes.ts';

/**
 * A graph of equal function with fewer and cheaper nodes: constants are folded, neutral elements dropped, chains of views and
 * scalings merged, transposes moved into products, and broadcasts left to the operation that uses them. What no output
 * needs is gone. Exact but for the rounding of merged constants.
 */
export function simplify(graph: Graph): Graph {
  const simplifier = new Simplifier();
  const rewritten = new Map<Node, Node>();
  for (const node of nodesOf(graph))
    rewritten.set(
      node,
      simplifier.rewrite(node, (input) => rewritten.get(input)!),
    );
  const result = { outputs: new Map([...graph.outputs].map(([name, node]) => [name, rewritten.get(node)!])) };
  check(result);
  return result;
}

type Attributes<K extends Kernel> = KernelAttributes[K];
type Computed = Exclude<Kernel, SourceKernel>;
type Rule<K extends Computed> = (inputs: readonly Node[], attributes: Attributes<K>) => Node | undefined;

/** Makes the simplest node known for each operation; `simplify` and passes after it build their graphs with one. */
export class Simplifier {
  readonly #builder = new GraphBuilder();

  /** The node in this simplifier's graph, on the replacements of its inputs. */
  rewrite(node: Node, replacement: (input: Node) => Node): Node {
    switch (node.kernel) {
      case 'Placeholder':
        return this.#builder.placeholder(node.attributes.name, node);
      case 'Weight':
        return this.#builder.weight(node.attributes.name, node.shape);
      case 'Fill':
        return this.#builder.fill(node.attributes.value, node);
      case 'Constant':
        return this.#builder.constant(node.attributes.values, node.shape, node.dtype);
      default:
        return this.make(node.kernel, node.inputs.map(replacement), node.attributes as never);
    }
  }

  /** The simplest node known for this operation. */
  make<K extends Computed>(kernel: K, inputs: readonly Node[], attributes: Attributes<K>): Node {
    if (isZero(kernel, inputs)) return this.#builder.fill(0, inferType(kernel, inputs, attributes));
    const rule = this.#rules[kernel] as Rule<K> | undefined;
    return rule?.(inputs, attributes) ?? this.#builder.make(kernel, inputs, attributes);
  }

  readonly #rules: { readonly [K in Computed]?: Rule<K> } = {
    Add: ([a, b]) => this.#add(a!, b!) ?? this.#add(b!, a!) ?? this.#elementwise('Add', a!, b!, (x, y) => x + y),
    Sub: ([a, b]) => {
      if (isFill(b!, 0) && sameShape(a!.shape, broadcastShapes(a!.shape, b!.shape))) return a;
      if (isFill(a!, 0) && sameShape(b!.shape, broadcastShapes(a!.shape, b!.shape))) return this.make('Neg', [b!], {});
      if (b!.kernel === 'Neg') return this.make('Add', [a!, b!.inputs[0]!], {});
      if (a === b) return this.#builder.fill(0, a!);
      return this.#elementwise('Sub', a!, b!, (x, y) => x - y);
    },
    Multiply: ([a, b]) =>
      this.#multiply(a!, b!) ?? this.#multiply(b!, a!) ?? this.#elementwise('Multiply', a!, b!, (x, y) => x * y),
    RealDiv: ([a, b]) => {
      if (isFill(b!) && a!.dtype === 'float32')
        return this.make('Multiply', [a!, this.#builder.fill(1 / b!.attributes.value, b!)], {});
      return this.#elementwise('RealDiv', a!, b!, (x, y) => x / y);
    },
    Pow: ([a, b]) => this.#elementwise('Pow', a!, b!, (x, y) => x ** y),
    Maximum: ([a, b]) => this.#elementwise('Maximum', a!, b!, Math.max),
    Minimum: ([a, b]) => this.#elementwise('Minimum', a!, b!, Math.min),
    Greater: ([a, b]) => this.#broadcasting('Greater', [a!, b!]),
    GreaterEqual: ([a, b]) => this.#broadcasting('GreaterEqual', [a!, b!]),
    Equal: ([a, b]) => this.#broadcasting('Equal', [a!, b!]),
    LogicalNot: ([x]) => (x!.kernel === 'LogicalNot' ? x.inputs[0] : undefined),
    Select: (inputs) => {
      const [condition, a, b] = inputs as [Node, Node, Node];
      if (!isFill(condition) && a !== b) return this.#broadcasting('Select', inputs);
      const { shape } = inferType('Select', inputs, {});
      return this.make('BroadcastTo', [isFill(condition, 0) ? b : a], { shape });
    },
    Neg: ([x]) => {
      if (x!.kernel === 'Neg') return x!.inputs[0];
      if (x!.kernel === 'Sub') return this.make('Sub', [x!.inputs[1]!, x!.inputs[0]!], {});
      return isFill(x!) ? this.#builder.fill(-x!.attributes.value, x!) : undefined;
    },
    Square: ([x]) => (isFill(x!) ? this.#builder.fill(x!.attributes.value ** 2, x!) : undefined),
    Cast: ([x], { dtype }) => {
      if (x!.dtype === dtype) return x;
      // Truth values are 0 and 1 in every type.
      if (x!.kernel === 'Cast' && x!.inputs[0]!.dtype === 'bool') return this.make('Cast', [x!.inputs[0]!], { dtype });
      return isFill(x!) ? this.#builder.fill(castNumber(x!.attributes.value, dtype), { ...x!, dtype }) : undefined;
    },
    Sum: ([x], attributes) => {
      const extent = attributes.axes.reduce((product, axis) => product * x!.shape[axis]!, 1);
      const type = inferType('Sum', [x!], attributes);
      if (isFill(x!)) return this.#builder.fill(x!.attributes.value * extent, type);
      return extent === 1 ? this.make('Reshape', [x!], { shape: type.shape }) : undefined;
    },
    Mean: ([x], attributes) => {
      const extent = attributes.axes.reduce((product, axis) => product * x!.shape[axis]!, 1);
      return extent === 1
        ? this.make('Reshape', [x!], { shape: inferType('Mean', [x!], attributes).shape })
        : undefined;
    },
    Max: ([x], attributes) => this.#extreme('Max', x!, attributes),
    Min: ([x], attributes) => this.#extreme('Min', x!, attributes),
    BatchMatMul: ([a, b], { transposeA, transposeB }) => {
      if (swapsLastTwo(a!))
        return this.make('BatchMatMul', [a!.inputs[0]!, b!], { transposeA: !transposeA, transposeB });
      if (swapsLastTwo(b!))
        return this.make('BatchMatMul', [a!, b!.inputs[0]!], { transposeA, transposeB: !transposeB });
      return undefined;
    },
    Transpose: ([x], { perm }) => {
      if (perm.every((axis, at) => axis === at)) return x;
      if (isFill(x!))
        return this.#builder.fill(x!.attributes.value, { ...x!, shape: perm.map((axis) => x!.shape[axis]!) });
      if (x!.kernel === 'Transpose') {
        const inner = x!.attributes.perm;
        return this.make('Transpose', [x!.inputs[0]!], { perm: perm.map((axis) => inner[axis]!) });
      }
      return undefined;
    },
    Reshape: ([x], { shape }) => {
      if (sameShape(x!.shape, shape)) return x;
      if (isFill(x!)) return this.#builder.fill(x!.attributes.value, { shape, dtype: x!.dtype });
      return x!.kernel === 'Reshape' ? this.make('Reshape', [x!.inputs[0]!], { shape }) : undefined;
    },
    BroadcastTo: ([x], { shape }) => {
      if (sameShape(x!.shape, shape)) return x;
      return isFill(x!) ? this.#builder.fill(x!.attributes.value, { shape, dtype: x!.dtype }) : undefined;
    },
    Tile: ([x], { reps }) => {
      if (reps.every((count) => count === 1)) return x;
      const shape = x!.shape.map((extent, axis) => extent * reps[axis]!);
      const repeatsSingles = reps.every((count, axis) => count === 1 || x!.shape[axis] === 1);
      return repeatsSingles ? this.make('BroadcastTo', [x!], { shape }) : undefined;
    },
    Slice: ([x], { begin, size }) => {
      if (sameShape(size, x!.shape)) return x;
      if (isFill(x!)) return this.#builder.fill(x!.attributes.value, { shape: size, dtype: x!.dtype });
      if (x!.kernel !== 'Concat') return undefined;
      return this.#sliceOfConcat(x!, begin, size);
    },
  };

  /** x + 0 = x; x + (-y) = x - y. */
  #add(x: Node, y: Node): Node | undefined {
    if (isFill(y, 0) && sameShape(x.shape, broadcastShapes(x.shape, y.shape))) return x;
    if (y.kernel === 'Neg') return this.make('Sub', [x, y.inputs[0]!], {});
    return undefined;
  }

  /** x * 1 = x (broadcast), x * 0 = 0, x * -1 = -x, (x * a) * b = x * ab for numbers a and b. */
  #multiply(x: Node, y: Node): Node | undefined {
    if (!isFill(y)) return undefined;
    const shape = broadcastShapes(x.shape, y.shape);
    const factor = y.attributes.value;
    if (factor === 0) return this.#builder.fill(0, { shape, dtype: x.dtype });
    if (isFill(x)) return undefined;
    if (factor === 1) return this.make('BroadcastTo', [x], { shape });
    if (!sameShape(shape, x.shape)) {
      const scaled = this.make('Multiply', [x, this.scalar(factor, x)], {});
      return this.make('BroadcastTo', [scaled], { shape });
    }
    if (factor === -1) return this.make('Neg', [x], {});
    const inner = scaledBy(x);
    if (inner !== undefined) return this.make('Multiply', [inner.of, this.scalar(inner.factor * factor, x)], {});
    return y.shape.length === 0 ? undefined : this.make('Multiply', [x, this.scalar(factor, x)], {});
  }

  /** The node as it is said, by no rule. */
  plain<K extends Computed>(kernel: K, inputs: readonly Node[], attributes: Attributes<K>): Node {
    return this.#builder.make(kernel, inputs, attributes);
  }

  /** A number as a node, of the dtype of `like`. */
  scalar(value: number, like: Node): Node {
    return this.#builder.fill(value, { shape: [], dtype: like.dtype });
  }

  /** Folds numbers, and drops broadcasts. */
  #elementwise(
    kernel: 'Add' | 'Sub' | 'Multiply' | 'RealDiv' | 'Pow' | 'Maximum' | 'Minimum',
    a: Node,
    b: Node,
    fold: (x: number, y: number) => number,
  ): Node | undefined {
    const shape = broadcastShapes(a.shape, b.shape);
    if (isFill(a) && isFill(b)) {
      const value = fold(a.attributes.value, b.attributes.value);
      return this.#builder.fill(castNumber(value, a.dtype), { shape, dtype: a.dtype });
    }
    return this.#broadcasting(kernel, [a, b]);
  }

  /** Lets the operation itself broadcast what was broadcast for it. */
  #broadcasting(kernel: Broadcasting, inputs: readonly Node[]): Node | undefined {
    const shape = inputs.map((input) => input.shape).reduce(broadcastShapes);
    const small = [...inputs];
    for (const [at, input] of inputs.entries()) {
      const others = small.filter((_, other) => other !== at).map((other) => other.shape);
      small[at] = this.#unbroadcast(input, others.reduce(broadcastShapes), shape);
    }
    return small.some((input, at) => input !== inputs[at]) ? this.make(kernel, small, {}) : undefined;
  }

  /** The largest or smallest of one entry is a view, and of one repeated number that number. */
  #extreme(kernel: 'Max' | 'Min', x: Node, attributes: Attributes<'Max'>): Node | undefined {
    const type = inferType(kernel, [x], attributes);
    if (isFill(x)) return this.#builder.fill(x.attributes.value, type);
    return sizeOf(type.shape) === sizeOf(x.shape) ? this.make('Reshape', [x], { shape: type.shape }) : undefined;
  }

  /** The value before it was broadcast, if the other operand alone still gives the result its shape. */
  #unbroadcast(x: Node, other: readonly number[], shape: readonly number[]): Node {
    const small =
      x.kernel === 'BroadcastTo'
        ? x.inputs[0]!
        : isFill(x) && sizeOf(x.shape) > 1
          ? this.scalar(x.attributes.value, x)
          : x;
    return small !== x && sameShape(broadcastShapes(small.shape, other), shape) ? small : x;
  }

  /** A slice that lies within one part of a concatenation is a slice of that part. */
  #sliceOfConcat(concat: Extract<Node, { kernel: 'Concat' }>, begin: readonly number[], size: readonly number[]) {
    const { axis } = concat.attributes;
    let start = 0;
    for (const part of concat.inputs) {
      const end = start + part.shape[axis]!;
      if (begin[axis]! >= start && begin[axis]! + size[axis]! <= end) {
        const inside = begin.map((first, at) => (at === axis ? first - start : first));
        return this.make('Slice', [part], { begin: inside, size });
      }
      start = end;
    }
    return undefined;
  }
}

/** Kernels without attributes whose operands may have several shapes. */
type Broadcasting =
  | 'Add'
  | 'Sub'
  | 'Multiply'
  | 'RealDiv'
  | 'Pow'
  | 'Maximum'
  | 'Minimum'
  | 'Greater'
  | 'GreaterEqual'
  | 'Equal'
  | 'Select';

/** Operations that are linear in these of their inputs, all at once: zero if all of those are. */
const linearIn: { readonly [K in Computed]?: (inputs: readonly Node[]) => readonly Node[] } = {
  RealDiv: ([a]) => [a!],
  Select: ([, a, b]) => [a!, b!],
  Mean: (inputs) => inputs,
  Cumsum: (inputs) => inputs,
  Concat: (inputs) => inputs,
  PadV2: (inputs) => inputs,
  Reverse: (inputs) => inputs,
  GatherV2: ([x]) => [x!],
  UnsortedSegmentSum: ([x]) => [x!],
};

/** The gradient of what is locally constant is zero: so is all that would be computed from it. */
function isZero(kernel: Computed, inputs: readonly Node[]): boolean {
  if (kernel === 'BatchMatMul') return inputs.some((input) => isFill(input, 0));
  return linearIn[kernel]?.(inputs).every((input) => isFill(input, 0)) ?? false;
}

function castNumber(value: number, dtype: DType): number {
  if (dtype === 'bool') return value === 0 ? 0 : 1;
  return dtype === 'int32' ? Math.trunc(value) : value;
}

/** x as a number times another node, if it is one. */
function scaledBy(x: Node): { of: Node; factor: number } | undefined {
  if (x.kernel === 'Neg') return { of: x.inputs[0]!, factor: -1 };
  if (x.kernel !== 'Multiply') return undefined;
  const [a, b] = x.inputs as [Node, Node];
  if (isFill(b) && b.shape.length === 0) return { of: a, factor: b.attributes.value };
  if (isFill(a) && a.shape.length === 0) return { of: b, factor: a.attributes.value };
  return undefined;
}

function swapsLastTwo(node: Node): boolean {
  if (node.kernel !== 'Transpose') return false;
  const { perm } = node.attributes;
  const last = perm.length - 1;
  return perm.every((axis, at) => axis === (at === last ? last - 1 : at === last - 1 ? last : at));
}
