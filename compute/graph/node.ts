/** Element types of a graph. `float32` stands for the floating type: it is emitted as float64 where that is asked for. */
export type DType = 'float32' | 'int32' | 'bool';

/** Values of a constant. */
export type ConstantValues = Float32Array | Float64Array | Int32Array | Uint8Array;

type None = Record<string, never>;
interface Reduction {
  readonly axes: readonly number[];
  readonly keepDims: boolean;
}

/** Every kernel a graph may hold, with the attributes it takes; names and meaning are TensorFlow.js's where it has them. */
export interface KernelAttributes {
  /** A value fed at each run. */
  Placeholder: { readonly name: string };
  /** A frozen weight: a reference into a checkpoint, never its values. */
  Weight: { readonly name: string };
  Constant: { readonly values: ConstantValues };
  /** A tensor of one repeated number. */
  Fill: { readonly value: number };
  Add: None;
  Sub: None;
  Multiply: None;
  RealDiv: None;
  Pow: None;
  Maximum: None;
  Minimum: None;
  /** a > b, of dtype bool; as the next two, false where an operand is NaN. */
  Greater: None;
  GreaterEqual: None;
  Equal: None;
  LogicalAnd: None;
  LogicalOr: None;
  LogicalNot: None;
  /** The second input where the first (bool) is true, and the third elsewhere. */
  Select: None;
  Neg: None;
  Exp: None;
  Log: None;
  Sqrt: None;
  Rsqrt: None;
  Square: None;
  Sigmoid: None;
  Tanh: None;
  Sin: None;
  Cos: None;
  Erf: None;
  /** log(1 + exp(x)) */
  Softplus: None;
  Abs: None;
  Sign: None;
  Floor: None;
  Ceil: None;
  /** Halves to the even neighbour. */
  Round: None;
  Cast: { readonly dtype: DType };
  /** Over the last axis. */
  Softmax: None;
  /** Over the last axis. */
  LogSoftmax: None;
  Sum: Reduction;
  Mean: Reduction;
  Max: Reduction;
  Min: Reduction;
  /** Running sums; `exclusive` leaves out the entry itself, `reverse` runs from the end. */
  Cumsum: { readonly axis: number; readonly exclusive: boolean; readonly reverse: boolean };
  BatchMatMul: { readonly transposeA: boolean; readonly transposeB: boolean };
  Transpose: { readonly perm: readonly number[] };
  Reshape: { readonly shape: readonly number[] };
  BroadcastTo: { readonly shape: readonly number[] };
  Slice: { readonly begin: readonly number[]; readonly size: readonly number[] };
  Concat: { readonly axis: number };
  PadV2: { readonly paddings: readonly (readonly [number, number])[] };
  Tile: { readonly reps: readonly number[] };
  Reverse: { readonly axes: readonly number[] };
  /** Entries of the first input along one axis, chosen by the second (int32), whose axes take that axis's place. */
  GatherV2: { readonly axis: number };
  /** Truth values (dtype bool): true at [..., indices[...]] only; nowhere if the index is not within 0 .. depth-1. */
  OneHot: { readonly depth: number };
  /** out[i] = sum of the rows k of the first input where the second (int32 [rows]) is i; other rows count nowhere. */
  UnsortedSegmentSum: { readonly segments: number };
}

/** The name of a kernel. */
export type Kernel = keyof KernelAttributes;

/** One operation and its result; nodes are never changed after they are made. */
export interface NodeOf<K extends Kernel> {
  /** Unique within its builder, and larger than the ids of its inputs. */
  readonly id: number;
  readonly kernel: K;
  readonly inputs: readonly Node[];
  readonly attributes: KernelAttributes[K];
  readonly shape: readonly number[];
  readonly dtype: DType;
}

/** A node of any kernel; `node.kernel` tells which, and with it the attributes. */
export type Node = { [K in Kernel]: NodeOf<K> }[Kernel];

/** A computation: named results, and through their inputs all that they need. */
export interface Graph {
  readonly outputs: ReadonlyMap<string, Node>;
}

/** Every node that the outputs need, inputs before their users. */
export function nodesOf(graph: Graph): Node[] {
  const seen = new Set<Node>();
  const waiting = [...graph.outputs.values()];
  while (waiting.length > 0) {
    const node = waiting.pop()!;
    if (seen.has(node)) continue;
    seen.add(node);
    waiting.push(...node.inputs);
  }
  return [...seen].sort((a, b) => a.id - b.id);
}

/** The graph's nodes of one kernel. */
export function nodesOfKernel<K extends Kernel>(graph: Graph, kernel: K): Extract<Node, { kernel: K }>[] {
  return nodesOf(graph).filter((node): node is Extract<Node, { kernel: K }> => node.kernel === kernel);
}

/** True for a tensor of one repeated number: of any, or of `value`. */
export function isFill(node: Node, value?: number): node is NodeOf<'Fill'> {
  return node.kernel === 'Fill' && (value === undefined || node.attributes.value === value);
}

/** The nodes among `nodes`, inputs before their users, that depend on placeholders of these names. */
export function dependents(nodes: readonly Node[], placeholders: ReadonlySet<string>): Set<Node> {
  const found = new Set<Node>();
  const isOne = (node: Node) => node.kernel === 'Placeholder' && placeholders.has(node.attributes.name);
  for (const node of nodes) if (isOne(node) || node.inputs.some((input) => found.has(input))) found.add(node);
  return found;
}
