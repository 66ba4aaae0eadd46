import { LambdamaxError } from '../../errors.ts';
import type { DType, Kernel, KernelAttributes, Node } from './node.ts';

/** What a node's result looks like. */
export interface TensorType {
  readonly shape: readonly number[];
  readonly dtype: DType;
}

type Inference<K extends Kernel> = (inputs: readonly Node[], attributes: KernelAttributes[K]) => TensorType;

/** The kernels whose result type does not follow from inputs and attributes: whoever makes them says it. */
export type SourceKernel = 'Placeholder' | 'Weight' | 'Constant' | 'Fill';

const same: Inference<Kernel> = ([x]) => ({ shape: x!.shape, dtype: x!.dtype });
const broadcast: Inference<Kernel> = ([a, b]) => {
  if (a!.dtype !== b!.dtype) throw mismatch('element-wise operation', `one dtype, from ${a!.dtype} and ${b!.dtype}`);
  return { shape: broadcastShapes(a!.shape, b!.shape), dtype: a!.dtype };
};

const comparison: Inference<Kernel> = (inputs) => ({ ...broadcast(inputs, {}), dtype: 'bool' });
const logical: Inference<Kernel> = (inputs) => {
  const other = inputs.find(({ dtype }) => dtype !== 'bool');
  if (other !== undefined) throw mismatch('logical operation', `truth values, from ${other.dtype}`);
  return { shape: inputs.map(({ shape }) => shape).reduce(broadcastShapes), dtype: 'bool' };
};

const reduction: Inference<'Sum' | 'Mean' | 'Max' | 'Min'> = ([x], { axes, keepDims }) => ({
  shape: keepDims
    ? x!.shape.map((extent, axis) => (axes.includes(axis) ? 1 : extent))
    : x!.shape.filter((_, axis) => !axes.includes(axis)),
  dtype: x!.dtype,
});

const rules: { [K in Exclude<Kernel, SourceKernel>]: Inference<K> } = {
  Add: broadcast,
  Sub: broadcast,
  Multiply: broadcast,
  RealDiv: broadcast,
  Pow: broadcast,
  Maximum: broadcast,
  Minimum: broadcast,
  Greater: comparison,
  GreaterEqual: comparison,
  Equal: comparison,
  LogicalAnd: logical,
  LogicalOr: logical,
  LogicalNot: logical,
  Select: ([condition, a, b]) => {
    if (condition!.dtype !== 'bool') throw mismatch('Select', `truth values to choose by, from ${condition!.dtype}`);
    const { shape, dtype } = broadcast([a!, b!], {});
    return { shape: broadcastShapes(condition!.shape, shape), dtype };
  },
  Neg: same,
  Exp: same,
  Log: same,
  Sqrt: same,
  Rsqrt: same,
  Square: same,
  Sigmoid: same,
  Tanh: same,
  Sin: same,
  Cos: same,
  Erf: same,
  Softplus: same,
  Abs: same,
  Sign: same,
  Floor: same,
  Ceil: same,
  Round: same,
  Softmax: same,
  LogSoftmax: same,
  Cast: ([x], { dtype }) => ({ shape: x!.shape, dtype }),
  Sum: reduction,
  Mean: reduction,
  Max: reduction,
  Min: reduction,
  Cumsum: same,
  BatchMatMul: ([a, b], { transposeA, transposeB }) => {
    const [rows, innerA] = lastTwo(a!.shape, transposeA);
    const [innerB, columns] = lastTwo(b!.shape, transposeB);
    if (innerA !== innerB)
      throw mismatch('BatchMatMul', `inner extents that agree, from [${a!.shape}] and [${b!.shape}]`);
    return {
      shape: [...broadcastShapes(a!.shape.slice(0, -2), b!.shape.slice(0, -2)), rows, columns],
      dtype: a!.dtype,
    };
  },
  Transpose: ([x], { perm }) => ({ shape: perm.map((axis) => x!.shape[axis]!), dtype: x!.dtype }),
  Reshape: ([x], { shape }) => ({ shape, dtype: x!.dtype }),
  BroadcastTo: ([x], { shape }) => ({ shape, dtype: x!.dtype }),
  Slice: ([x], { size }) => ({ shape: size, dtype: x!.dtype }),
  Concat: (inputs, { axis }) => ({
    shape: inputs[0]!.shape.map((extent, at) => (at === axis ? sum(inputs.map((x) => x.shape[axis]!)) : extent)),
    dtype: inputs[0]!.dtype,
  }),
  PadV2: ([x], { paddings }) => ({
    shape: x!.shape.map((extent, axis) => extent + paddings[axis]![0] + paddings[axis]![1]),
    dtype: x!.dtype,
  }),
  Tile: ([x], { reps }) => ({ shape: x!.shape.map((extent, axis) => extent * reps[axis]!), dtype: x!.dtype }),
  Reverse: same,
  GatherV2: ([x, indices], { axis }) => ({
    shape: [...x!.shape.slice(0, axis), ...indices!.shape, ...x!.shape.slice(axis + 1)],
    dtype: x!.dtype,
  }),
  OneHot: ([indices], { depth }) => ({ shape: [...indices!.shape, depth], dtype: 'bool' }),
  UnsortedSegmentSum: ([x], { segments }) => ({ shape: [segments, ...x!.shape.slice(1)], dtype: x!.dtype }),
};

/** The result type of a kernel on these inputs. Throws a LambdamaxError if shapes or dtypes do not fit. */
export function inferType<K extends Exclude<Kernel, SourceKernel>>(
  kernel: K,
  inputs: readonly Node[],
  attributes: KernelAttributes[K],
): TensorType {
  return rules[kernel](inputs, attributes);
}

/** The shape of an element-wise result (NumPy's rules). Throws a LambdamaxError if there is none. */
export function broadcastShapes(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, axis) => {
    const left = a[axis - rank + a.length] ?? 1;
    const right = b[axis - rank + b.length] ?? 1;
    if (left !== right && left !== 1 && right !== 1)
      throw mismatch('element-wise operation', `shapes that broadcast, from [${a}] and [${b}]`);
    return left === 1 ? right : left;
  });
}

/** True if the two shapes are the same. */
export function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((extent, axis) => extent === b[axis]);
}

function lastTwo(shape: readonly number[], transposed: boolean): [number, number] {
  const [rows, columns] = shape.slice(-2) as [number, number];
  return transposed ? [columns, rows] : [rows, columns];
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function mismatch(subject: string, expected: string): LambdamaxError {
  return new LambdamaxError({ subject, expected });
}
