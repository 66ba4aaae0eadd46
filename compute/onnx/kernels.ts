import type { Kernel, Node, NodeOf } from '../graph/node.ts';
import { sameShape } from '../graph/shapes.ts';
import type { Emitter } from './emitter.ts';
import { emitErf } from './erf.ts';
import { type ElementType, elementType } from './schema.ts';

/** Kernels that become ONNX nodes; the others become inputs or initializers of the model. */
export type EmittedKernel = Exclude<Kernel, 'Placeholder' | 'Weight'>;

/** Emits the ONNX nodes that compute `output` from `inputs` (names in the order of the node's inputs). */
export type EmitRule<K extends Kernel> = (
  emitter: Emitter,
  node: NodeOf<K>,
  inputs: readonly string[],
  output: string,
) => void;

/** How each kernel is said in ONNX. The table is total: a kernel without an entry does not compile. */
export const emitRules: { readonly [K in EmittedKernel]: EmitRule<K> } = {
  Constant: (emitter, node, _, output) => {
    const values = emitter.constant(node.attributes.values, node.shape, onnxType(node, emitter));
    emitter.node('Identity', [values], output);
  },
  Fill: (emitter, node, _, output) => {
    const type = onnxType(node, emitter);
    const single = emitter.constant(
      [node.attributes.value],
      node.shape.map(() => 1),
      type,
    );
    if (node.shape.every((extent) => extent === 1)) emitter.node('Identity', [single], output);
    else emitter.node('Expand', [single, emitter.integers(node.shape)], output);
  },

  Add: operator('Add'),
  Sub: operator('Sub'),
  Multiply: operator('Mul'),
  RealDiv: operator('Div'),
  Pow: operator('Pow'),
  Maximum: operator('Max'),
  Minimum: operator('Min'),
  Greater: operator('Greater'),
  GreaterEqual: operator('GreaterOrEqual'),
  Equal: operator('Equal'),
  LogicalAnd: operator('And'),
  LogicalOr: operator('Or'),
  LogicalNot: operator('Not'),
  Select: (emitter, { dtype }, [condition, a, b], output) => {
    if (dtype !== 'bool') return emitter.node('Where', [condition!, a!, b!], output);
    // ONNX Runtime has no choice between truth values.
    const otherwise = emitter.value('And', [emitter.value('Not', [condition!]), b!]);
    emitter.node('Or', [emitter.value('And', [condition!, a!]), otherwise], output);
  },
  Neg: operator('Neg'),
  Exp: operator('Exp'),
  Log: operator('Log'),
  Sqrt: operator('Sqrt'),
  Sigmoid: operator('Sigmoid'),
  Tanh: operator('Tanh'),
  Sin: operator('Sin'),
  Cos: operator('Cos'),
  Abs: operator('Abs'),
  Sign: operator('Sign'),
  Floor: operator('Floor'),
  Ceil: operator('Ceil'),
  Round: operator('Round'),
  Erf: (emitter, { shape }, [x], output) => {
    if (emitter.precision === 'float64') emitErf(emitter, x!, shape, output);
    else emitter.node('Erf', [x!], output);
  },
  // log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|)): nothing overflows. ONNX Runtime's own exists in float32 only.
  Softplus: (emitter, node, [x], output) => {
    const [zero, one] = [0, 1].map((value) => emitter.constant([value], [], onnxType(node, emitter)));
    const decayed = emitter.value('Exp', [emitter.value('Neg', [emitter.value('Abs', [x!])])]);
    const rest = emitter.value('Log', [emitter.value('Add', [one!, decayed])]);
    emitter.node('Add', [emitter.value('Max', [x!, zero!]), rest], output);
  },
  Square: (emitter, _, [x], output) => emitter.node('Mul', [x!, x!], output),
  Rsqrt: (emitter, _, inputs, output) => emitter.node('Reciprocal', [emitter.value('Sqrt', inputs)], output),
  Cast: (emitter, node, inputs, output) => emitter.node('Cast', inputs, output, { to: onnxType(node, emitter) }),

  Softmax: (emitter, _, inputs, output) => emitter.node('Softmax', inputs, output, { axis: -1 }),
  LogSoftmax: (emitter, _, inputs, output) => emitter.node('LogSoftmax', inputs, output, { axis: -1 }),
  Sum: reduction('ReduceSum'),
  Mean: reduction('ReduceMean'),
  Max: reduction('ReduceMax'),
  Min: reduction('ReduceMin'),
  Cumsum: (emitter, { attributes: { axis, exclusive, reverse } }, [x], output) => {
    const along = emitter.constant([axis], [], elementType.int32);
    emitter.node('CumSum', [x!, along], output, { exclusive: exclusive ? 1 : 0, reverse: reverse ? 1 : 0 });
  },

  BatchMatMul: emitMatMul,
  Transpose: (emitter, { attributes: { perm } }, inputs, output) => emitter.node('Transpose', inputs, output, { perm }),
  Reshape: (emitter, { shape }, [x], output) => emitter.node('Reshape', [x!, emitter.integers(shape)], output),
  BroadcastTo: (emitter, { shape }, [x], output) => emitter.node('Expand', [x!, emitter.integers(shape)], output),
  Slice: (emitter, { attributes: { begin, size }, inputs: [x] }, [name], output) => {
    const axes = size.flatMap((extent, axis) => (extent === x!.shape[axis] ? [] : [axis]));
    const starts = axes.map((axis) => begin[axis]!);
    const ends = axes.map((axis) => begin[axis]! + size[axis]!);
    emitter.node('Slice', [name!, ...[starts, ends, axes].map((values) => emitter.integers(values))], output);
  },
  Concat: (emitter, { attributes: { axis } }, inputs, output) => emitter.node('Concat', inputs, output, { axis }),
  PadV2: (emitter, { attributes: { paddings } }, [x], output) => {
    const pads = [...paddings.map(([before]) => before), ...paddings.map(([, after]) => after)];
    emitter.node('Pad', [x!, emitter.integers(pads)], output);
  },
  Tile: (emitter, { attributes: { reps } }, [x], output) => emitter.node('Tile', [x!, emitter.integers(reps)], output),
  Reverse: (emitter, { attributes: { axes }, shape }, [x], output) => {
    // From the last entry down to the one before the first, which has no index of its own: -extent - 1.
    const ranges = [axes.map(() => -1), axes.map((axis) => -shape[axis]! - 1), axes, axes.map(() => -1)];
    emitter.node('Slice', [x!, ...ranges.map((values) => emitter.integers(values))], output);
  },
  GatherV2: (emitter, { attributes: { axis } }, inputs, output) => emitter.node('Gather', inputs, output, { axis }),
  OneHot: (emitter, node, [indices], output) => {
    const column = emitter.value('Reshape', [indices!, emitter.integers([...node.inputs[0]!.shape, 1])]);
    emitter.node('Equal', [column, numbers(emitter, [node.attributes.depth])], output);
  },
  UnsortedSegmentSum: (emitter, node, [x, segments], output) => {
    // A product with the one-hot matrix needs no scatter: exact, deterministic, and fast for the vocabularies at hand.
    const hot = emitter.value('Equal', [segments!, numbers(emitter, [node.attributes.segments, 1])]);
    const matrix = emitter.value('Cast', [hot], { to: onnxType(node, emitter) });
    const rows = node.inputs[0]!.shape[0]!;
    const flat = emitter.value('Reshape', [x!, emitter.integers([rows, -1])]);
    const sums = emitter.value('MatMul', [matrix, flat]);
    emitter.node('Reshape', [sums, emitter.integers(node.shape)], output);
  },
};

/** The ONNX element type of a node's result in the emitter's precision. */
export function onnxType({ dtype }: Pick<Node, 'dtype'>, { precision }: Pick<Emitter, 'precision'>): ElementType {
  return elementType[dtype === 'float32' ? precision : dtype];
}

function operator(type: string): EmitRule<Kernel> {
  return (emitter, _, inputs, output) => emitter.node(type, inputs, output);
}

function reduction(
  type: 'ReduceSum' | 'ReduceMean' | 'ReduceMax' | 'ReduceMin',
): EmitRule<'Sum' | 'Mean' | 'Max' | 'Min'> {
  return (emitter, { attributes: { axes, keepDims } }, [x], output) =>
    emitter.node(type, [x!, emitter.integers(axes)], output, { keepdims: keepDims ? 1 : 0 });
}

/**
 * Two-dimensional products as Gemm, which takes transposes for free; batched ones as FusedMatMul, which does too but
 * exists in float32 only: in float64 the transposes are written out.
 */
function emitMatMul(emitter: Emitter, node: NodeOf<'BatchMatMul'>, [a, b]: readonly string[], output: string): void {
  const { transposeA, transposeB } = node.attributes;
  const [left, right] = node.inputs as [Node, Node];
  const flags = { transA: transposeA ? 1 : 0, transB: transposeB ? 1 : 0 };
  const sameBatch = sameShape(left.shape.slice(0, -2), right.shape.slice(0, -2));
  const turned = (name: string, { shape }: Node, transpose: boolean) =>
    transpose ? emitter.value('Transpose', [name], { perm: swapLastTwo(shape.length) }) : name;

  if (!transposeA && !transposeB) emitter.node('MatMul', [a!, b!], output);
  else if (node.shape.length === 2) emitter.node('Gemm', [a!, b!], output, flags);
  else if (emitter.precision === 'float32' && sameBatch) emitter.node('FusedMatMul', [a!, b!], output, flags);
  else emitter.node('MatMul', [turned(a!, left, transposeA), turned(b!, right, transposeB)], output);
}

/** 0, 1, 2, ... to be compared with indices: ONNX's own OneHot takes -1 for the last index, and is three times slower. */
function numbers(emitter: Emitter, shape: readonly number[]): string {
  const values = Int32Array.from({ length: shape[0]! }, (_, index) => index);
  return emitter.constant(values, shape, elementType.int32);
}

function swapLastTwo(rank: number): number[] {
  return [...Array.from({ length: rank - 2 }, (_, axis) => axis), rank - 1, rank - 2];
}
