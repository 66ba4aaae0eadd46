/** TensorFlow.js code in, compiled values, gradients, Hessian-, Gauss-Newton- and Jacobian-vector products out. */

export { ArgumentError, type ErrorParts, LambdamaxError } from '../errors.ts';
export {
  type Backend,
  type BackendName,
  backendNames,
  type Executable,
  type ExecutableOptions,
  emptyExecutable,
  type Values,
} from './backends/executable.ts';
export { gemmGflops } from './backends/gemm.ts';
export { backendNamed } from './backends/index.ts';
export { onnxBackend } from './backends/onnx.ts';
export { cpuBackend, tensorflowBackend, wasmBackend } from './backends/tensorflow.ts';
export { type CompileOptions, compile } from './compile.ts';
export { type CrossEntropyOptions, linearCrossEntropy } from './differentiate/crossEntropy.ts';
export { gaussNewtonVector, jacobianVector } from './differentiate/gaussNewton.ts';
export { logSoftmax } from './differentiate/logSoftmax.ts';
export { gradient, hessianVector } from './differentiate/products.ts';
export { type LossFunction, type LossOfOutputs, type TracedLoss, trace } from './differentiate/tracedLoss.ts';
export type { KeepBudget } from './graph/budget.ts';
export { check } from './graph/check.ts';
export { dot } from './graph/dot.ts';
export { type Estimate, estimate } from './graph/estimate.ts';
export type { Graph, Kernel, Node } from './graph/node.ts';
export { print } from './graph/print.ts';
export { simplify } from './graph/simplify.ts';
export { type SplitGraph, splitAt } from './graph/split.ts';
export { linearise, recompute } from './linearise.ts';
export type {
  Batch,
  Curvature,
  Estimated,
  Linearised,
  LinearisedBlock,
  LineariseOptions,
  Point,
  Program,
  WeightLocation,
  WeightSource,
} from './program.ts';
export { type RandomStream, randomStream } from './random.ts';
export {
  type Precision,
  sizeOf,
  type TensorSpec,
  totalSize,
  transposed,
  type Vector,
  viewTensors,
  zeros,
} from './tensors.ts';
export { constant } from './trace/constant.ts';
export { type InputSpec, record, type Signature, type TracedTensors } from './trace/record.ts';
export { withoutGradient } from './trace/withoutGradient.ts';
