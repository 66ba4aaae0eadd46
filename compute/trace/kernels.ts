import * as tf from '@tensorflow/tfjs';
import { LambdamaxError } from '../../errors.ts';
import type { Node } from '../graph/node.ts';
import { sameShape } from '../graph/shapes.ts';
import { callSite } from './callSite.ts';
import { compositions } from './compositions.ts';
import { type Recorder, recorderName } from './recorder.ts';

type Inputs = Record<string, tf.TensorInfo>;
type Attributes = Record<string, unknown>;
type Rule = (recorder: Recorder, inputs: Inputs, attributes: Attributes) => Node | Node[];

const { backend_util, slice_util, util } = tf;

/** How each TensorFlow.js kernel is recorded; a kernel that is not here is refused by name. */
const rules: Record<string, Rule> = {
  ...elementwise('Add', 'Sub', 'Multiply', 'RealDiv', 'Pow', 'Maximum', 'Minimum'),
  ...elementwise('Greater', 'GreaterEqual', 'Equal', 'LogicalAnd', 'LogicalOr'),
  ...smooth('Exp', 'Log', 'Sqrt', 'Rsqrt', 'Sigmoid', 'Tanh', 'Sin', 'Cos', 'Erf', 'Softplus'),
  ...unary('Neg', 'Square', 'Abs', 'Sign', 'LogicalNot'),
  ...rounding('Floor', 'Ceil', 'Round'),
  ...reduction('Sum', 'Mean', 'Max', 'Min'),

  Identity: (recorder, { x }) => recorder.nodeOf(x!),
  Softmax: (recorder, { logits }) => recorder.builder.make('Softmax', [recorder.nodeOf(logits!)], {}),
  LogSoftmax: (recorder, { logits }) => recorder.builder.make('LogSoftmax', [recorder.nodeOf(logits!)], {}),

  Cast: (recorder, { x }, { dtype }) => {
    const node = recorder.nodeOf(x!);
    return node.dtype === dtype ? node : recorder.builder.make('Cast', [node], { dtype: dtype as Node['dtype'] });
  },
  Fill: (recorder, _, { shape, value, dtype }) =>
    recorder.builder.fill(value as number, { shape: shape as number[], dtype: (dtype ?? 'float32') as Node['dtype'] }),
  ZerosLike: (recorder, { x }) => recorder.builder.fill(0, { shape: x!.shape, dtype: x!.dtype as Node['dtype'] }),
  Range: (recorder, _, { start, stop, step, dtype }) => {
    const [first, stride] = [start as number, step as number];
    const length = Math.max(0, Math.ceil(((stop as number) - first) / stride));
    return progression(recorder, first, stride, length, dtype as Node['dtype']);
  },
  LinSpace: (recorder, _, { start, stop, num }) => {
    const [first, length] = [start as number, num as number];
    return progression(recorder, first, ((stop as number) - first) / Math.max(1, length - 1), length, 'float32');
  },
  OnesLike: (recorder, { x }) => recorder.builder.fill(1, { shape: x!.shape, dtype: x!.dtype as Node['dtype'] }),

  Select: (recorder, { condition, t, e }) =>
    recorder.builder.make(
      'Select',
      [condition, t, e].map((x) => recorder.nodeOf(x!)),
      {},
    ),
  Cumsum: (recorder, { x }, { axis, exclusive, reverse }) =>
    recorder.builder.make('Cumsum', [recorder.nodeOf(x!)], {
      axis: axisOf(axis, x!),
      exclusive: Boolean(exclusive),
      reverse: Boolean(reverse),
    }),

  BatchMatMul: (recorder, { a, b }, { transposeA, transposeB }) =>
    recorder.builder.make('BatchMatMul', [recorder.nodeOf(a!), recorder.nodeOf(b!)], {
      transposeA: Boolean(transposeA),
      transposeB: Boolean(transposeB),
    }),

  Transpose: (recorder, { x }, { perm }) =>
    recorder.builder.make('Transpose', [recorder.nodeOf(x!)], { perm: [...(perm as number[])] }),
  Reshape: (recorder, { x }, { shape }) =>
    reshape(
      recorder,
      recorder.nodeOf(x!),
      util.inferFromImplicitShape(shape as number[], util.sizeFromShape(x!.shape)),
    ),
  ExpandDims: (recorder, { input }, { dim }) => {
    const axis = (dim as number) < 0 ? (dim as number) + input!.shape.length + 1 : (dim as number);
    return reshape(recorder, recorder.nodeOf(input!), [...input!.shape.slice(0, axis), 1, ...input!.shape.slice(axis)]);
  },
  Slice: (recorder, { x }, { begin, size }) => {
    const [first, extent] = slice_util.parseSliceParams(x as tf.Tensor, begin as number[], size as number[]);
    return recorder.builder.make('Slice', [recorder.nodeOf(x!)], { begin: first!, size: extent! });
  },
  SplitV: (recorder, { x }, { numOrSizeSplits, axis }) => {
    const along = axisOf(axis, x!);
    const begin = x!.shape.map(() => 0);
    return backend_util.prepareSplitSize(x as tf.Tensor, numOrSizeSplits as number[], along).map((extent) => {
      const size = x!.shape.map((whole, at) => (at === along ? extent : whole));
      const part = recorder.builder.make('Slice', [recorder.nodeOf(x!)], { begin: [...begin], size });
      begin[along]! += extent;
      return part;
    });
  },
  Concat: (recorder, inputs, { axis }) => {
    const parts = Object.keys(inputs)
      .sort((a, b) => Number(a) - Number(b))
      .map((key) => recorder.nodeOf(inputs[key]!));
    return recorder.builder.make('Concat', parts, {
      axis: util.parseAxisParam(axis as number, [...parts[0]!.shape])[0]!,
    });
  },
  PadV2: (recorder, { x }, { paddings, constantValue }) => {
    if (constantValue !== 0) throw refusal('PadV2', 'padding with 0');
    return recorder.builder.make('PadV2', [recorder.nodeOf(x!)], { paddings: paddings as [number, number][] });
  },
  Tile: (recorder, { x }, { reps }) =>
    recorder.builder.make('Tile', [recorder.nodeOf(x!)], { reps: [...(reps as number[])] }),
  BroadcastTo: (recorder, { x }, { shape }) =>
    recorder.builder.make('BroadcastTo', [recorder.nodeOf(x!)], { shape: [...(shape as number[])] }),

  Reverse: (recorder, { x }, { dims }) =>
    recorder.builder.make('Reverse', [recorder.nodeOf(x!)], {
      axes: util.parseAxisParam(dims as number[], x!.shape),
    }),

  GatherV2: (recorder, { x, indices }, { axis, batchDims }) => {
    if (batchDims !== 0) throw refusal('GatherV2', 'no batch dimensions');
    return recorder.builder.make('GatherV2', [recorder.nodeOf(x!), recorder.nodeOf(indices!)], {
      axis: axisOf(axis, x!),
    });
  },
  OneHot: (recorder, { indices }, { depth, onValue, offValue, dtype }) => {
    if (onValue !== 1 || offValue !== 0) throw refusal('OneHot', 'the values 1 and 0');
    const hot = recorder.builder.make('OneHot', [recorder.nodeOf(indices!)], { depth: depth as number });
    return dtype === 'bool' ? hot : recorder.builder.make('Cast', [hot], { dtype: dtype as Node['dtype'] });
  },
  UnsortedSegmentSum: (recorder, { x, segmentIds }, { numSegments }) => {
    if (segmentIds!.shape.length !== 1) throw refusal('UnsortedSegmentSum', 'segments of one dimension');
    return recorder.builder.make('UnsortedSegmentSum', [recorder.nodeOf(x!), recorder.nodeOf(segmentIds!)], {
      segments: numSegments as number,
    });
  },
};

/** The names of TensorFlow.js's kernels that can be recorded, in alphabetical order. */
export const recordedKernels: readonly string[] = [...Object.keys(rules), ...Object.keys(compositions)].sort();

/**
 * Registers the recording kernels, and a refusal for each other kernel that TensorFlow.js has, so that the error names
 * the kernel and the caller's line instead of the backend. Idempotent.
 */
export function registerKernels(): void {
  if (tf.getKernelsForBackend(recorderName).length > 0) return;
  const others = tf.getKernelsForBackend('cpu').map(({ kernelName }) => kernelName);
  for (const kernelName of new Set([...Object.keys(rules), ...others])) {
    const rule = rules[kernelName];
    tf.registerKernel({
      kernelName,
      backendName: recorderName,
      kernelFunc: ({ inputs, attrs, backend }) => {
        if (rule === undefined) throw refusal(kernelName, `one of ${recordedKernels.join(', ')}`);
        const recorder = backend as unknown as Recorder;
        const result = rule(recorder, inputs as Inputs, (attrs ?? {}) as Attributes);
        return Array.isArray(result) ? result.map((node) => recorder.handle(node)) : recorder.handle(result);
      },
    });
  }
}

/** The error for a kernel that cannot be compiled and differentiated twice, or not so. */
function refusal(kernel: string, expected: string): LambdamaxError {
  return new LambdamaxError({
    subject: `TensorFlow.js kernel ${kernel} at ${callSite()}`,
    expected,
    remedy: 'write the expression with what lambdamax can compile and differentiate twice',
  });
}

type Arithmetic = 'Add' | 'Sub' | 'Multiply' | 'RealDiv' | 'Pow' | 'Maximum' | 'Minimum';
type Binary = Arithmetic | 'Greater' | 'GreaterEqual' | 'Equal' | 'LogicalAnd' | 'LogicalOr';

function elementwise(...kernels: Binary[]) {
  return table(
    kernels,
    (kernel) =>
      (recorder, { a, b }) =>
        recorder.builder.make(kernel, [recorder.nodeOf(a!), recorder.nodeOf(b!)], {}),
  );
}

type Smooth = 'Exp' | 'Log' | 'Sqrt' | 'Rsqrt' | 'Sigmoid' | 'Tanh' | 'Sin' | 'Cos' | 'Erf' | 'Softplus';

/** Element-wise smooth functions; they take whole numbers too, as TensorFlow.js has it. */
function smooth(...kernels: Smooth[]) {
  return table(
    kernels,
    (kernel) =>
      (recorder, { x }) =>
        recorder.builder.make(kernel, [asFloat(recorder, x!)], {}),
  );
}

function unary(...kernels: ('Neg' | 'Square' | 'Abs' | 'Sign' | 'LogicalNot')[]) {
  return table(
    kernels,
    (kernel) =>
      (recorder, { x }) =>
        recorder.builder.make(kernel, [recorder.nodeOf(x!)], {}),
  );
}

function rounding(...kernels: ('Floor' | 'Ceil' | 'Round')[]) {
  return table(kernels, (kernel) => (recorder, { x }) => {
    const node = recorder.nodeOf(x!);
    return node.dtype === 'float32' ? recorder.builder.make(kernel, [node], {}) : node;
  });
}

function reduction(...kernels: ('Sum' | 'Mean' | 'Max' | 'Min')[]) {
  return table(kernels, (kernel) => (recorder, { x }, { axis, reductionIndices, keepDims }) => {
    // Max has another name for it.
    const axes = util.parseAxisParam((axis ?? reductionIndices) as number[], x!.shape);
    // The mean of whole numbers is none.
    const node = kernel === 'Mean' ? asFloat(recorder, x!) : recorder.nodeOf(x!);
    return recorder.builder.make(kernel, [node], { axes, keepDims: Boolean(keepDims) });
  });
}

function table<K extends string>(kernels: readonly K[], rule: (kernel: K) => Rule): Record<string, Rule> {
  return Object.fromEntries(kernels.map((kernel) => [kernel, rule(kernel)]));
}

function asFloat(recorder: Recorder, x: tf.TensorInfo): Node {
  const node = recorder.nodeOf(x);
  return node.dtype === 'float32' ? node : recorder.builder.make('Cast', [node], { dtype: 'float32' });
}

/** An axis that may be counted from the end. */
function axisOf(axis: unknown, { shape }: tf.TensorInfo): number {
  return util.parseAxisParam(axis as number, shape)[0]!;
}

function progression(recorder: Recorder, first: number, step: number, length: number, dtype: Node['dtype']): Node {
  const values = Float64Array.from({ length }, (_, index) => first + step * index);
  return recorder.builder.constant(dtype === 'int32' ? Int32Array.from(values) : values, [length], dtype);
}

function reshape(recorder: Recorder, node: Node, shape: readonly number[]): Node {
  return sameShape(node.shape, shape) ? node : recorder.builder.make('Reshape', [node], { shape });
}
