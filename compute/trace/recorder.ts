import * as tf from '@tensorflow/tfjs';
import { LambdamaxError } from '../../errors.ts';
import { GraphBuilder, isOneNumber } from '../graph/builder.ts';
import type { ConstantValues, DType, Node } from '../graph/node.ts';
import { callSite } from './callSite.ts';

/** The name under which the recording backend's kernels are registered with TensorFlow.js. */
export const recorderName = 'lambdamax-recorder';

/**
 * A TensorFlow.js backend that records nodes instead of computing: tensors hold a node, not numbers. It lives for one
 * trace; what is read from it (`dataSync`) is an error, since a traced value has no numbers yet.
 */
export class Recorder extends tf.KernelBackend {
  readonly builder = new GraphBuilder();
  /** Whether something was kept from the tape, so that derivatives do not follow from the nodes alone. */
  hidesGradients = false;
  readonly #nodes = new WeakMap<object, Node>();
  #refusedRead: LambdamaxError | undefined;

  /** The node that a tensor stands for; a tensor of another backend enters the graph as a constant, and stays where it is. */
  nodeOf(tensor: tf.TensorInfo): Node {
    const known = this.#nodes.get(tensor.dataId);
    if (known !== undefined) return known;
    return this.#constant((tensor as tf.Tensor).dataSync(), tensor.shape, tensor.dtype);
  }

  /** A handle for the engine to make a tensor of. */
  handle(node: Node): tf.TensorInfo {
    const dataId = {};
    this.#nodes.set(dataId, node);
    return { dataId, shape: [...node.shape], dtype: node.dtype };
  }

  /** A tensor that stands for the node. */
  tensor(node: Node): tf.Tensor {
    const { dataId, shape, dtype } = this.handle(node);
    return tf.engine().makeTensorFromDataId(dataId, shape, dtype, this);
  }

  override write(values: tf.backend_util.BackendValues, shape: number[], dtype: tf.DataType): object {
    return this.handle(this.#constant(values as ArrayLike<number>, shape, dtype)).dataId;
  }

  #constant(values: ArrayLike<number>, shape: readonly number[], dtype: tf.DataType): Node {
    // Of one number no copy is made.
    const distinct = isOneNumber(values) ? [values[0]!] : values;
    return this.builder.constant(constantValues(distinct, dtype), shape, asDType(dtype));
  }

  override readSync(dataId: object): never {
    throw this.#unreadable(dataId);
  }

  /** A promise that fails would reach nobody, since a trace does not wait: it is `requireNoReads` that throws. */
  override read(dataId: object): Promise<never> {
    this.#refusedRead ??= this.#unreadable(dataId);
    return new Promise(() => {});
  }

  /** Runs `body`, and throws for a value that it has asked for without waiting, in place of what that led to. */
  requireNoReads<T>(body: () => T): T {
    try {
      return body();
    } finally {
      // biome-ignore lint/correctness/noUnsafeFinally: the read comes before any error that follows from it.
      if (this.#refusedRead !== undefined) throw this.#refusedRead;
    }
  }

  #unreadable(dataId: object): LambdamaxError {
    return new LambdamaxError({
      subject: `reading the value of ${this.#nodes.get(dataId)?.kernel ?? 'a tensor'} at ${callSite()}`,
      expected: 'model code that does not look at values while it is traced',
      remedy: 'make the choice with tensor operations, or pass the value in as a number',
    });
  }

  override numDataIds(): number {
    return 0;
  }
  override disposeData(): boolean {
    return true;
  }
  override refCount(): number {
    return 1;
  }
  override incRef(): void {}
  decRef(): void {}
  override dispose(): void {}
  override timerAvailable(): boolean {
    return false;
  }
  override floatPrecision(): 32 {
    return 32;
  }
  override epsilon(): number {
    return 1e-7;
  }
}

function asDType(dtype: tf.DataType): DType {
  if (dtype === 'float32' || dtype === 'int32' || dtype === 'bool') return dtype;
  throw new LambdamaxError({
    subject: `a tensor at ${callSite()}`,
    expected: 'dtype float32, int32 or bool',
    got: dtype,
  });
}

/** A copy, since the caller may change the array it gave. TensorFlow.js has rounded it to float32: see `constant`. */
function constantValues(numbers: ArrayLike<number>, dtype: tf.DataType): ConstantValues {
  if (dtype === 'int32') return Int32Array.from(numbers);
  if (dtype === 'bool') return Uint8Array.from(numbers);
  return Float64Array.from(numbers);
}
