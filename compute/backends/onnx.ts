import * as ort from 'onnxruntime-node';
import { LambdamaxError } from '../../errors.ts';
import type { Node } from '../graph/node.ts';
import { inputName, type LoweredGraph, lower, outputName } from '../onnx/lower.ts';
import { type Precision, sizeOf } from '../tensors.ts';
import type { Backend, Executable, ExecutableOptions, Values } from './executable.ts';

/** ONNX Runtime on the CPU: float32 with all graph optimisations, float64 with those that exist for it. */
export const onnxBackend: Backend = {
  name: 'onnx',
  async compile(graph, options) {
    const lowered = lower(graph, options);
    return new OnnxExecutable(await createSession(lowered, options), lowered, options.precision);
  },
};

async function createSession(lowered: LoweredGraph, options: ExecutableOptions): Promise<ort.InferenceSession> {
  const { precision, threads = 0 } = options;
  const session = lowered.weightFolder && { model_external_initializers_file_folder_path: lowered.weightFolder };
  try {
    return await ort.InferenceSession.create(lowered.model, {
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      // Above `basic`, fusions choose kernels that exist in float32 only.
      graphOptimizationLevel: precision === 'float64' ? 'basic' : 'all',
      logSeverityLevel: 4,
      ...(session ? { extra: { session } } : {}),
    });
  } catch (cause) {
    throw new LambdamaxError({
      subject: 'ONNX Runtime',
      expected: 'to accept the compiled graph',
      got: (cause as Error).message,
      cause,
    });
  }
}

class OnnxExecutable implements Executable {
  #session: ort.InferenceSession | undefined;
  readonly #lowered: LoweredGraph;
  readonly #precision: Precision;

  constructor(session: ort.InferenceSession, lowered: LoweredGraph, precision: Precision) {
    this.#session = session;
    this.#lowered = lowered;
    this.#precision = precision;
  }

  async run(feeds: Values): Promise<Values> {
    if (this.#session === undefined)
      throw new LambdamaxError({ subject: 'compiled graph', expected: 'to be used before it is released' });
    const tensors: Record<string, ort.Tensor> = {};
    for (const [name, node] of this.#lowered.feeds) tensors[inputName(name)] = this.#feed(name, node, feeds);
    const results = await this.#session.run(tensors).catch(refuseValues);
    return new Map(
      [...this.#lowered.outputs.keys()].map((name) => [name, results[outputName(name)]!.data as Float32Array]),
    );
  }

  async release(): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    await session?.release();
  }

  #feed(name: string, node: Node, feeds: Values): ort.Tensor {
    const values = feeds.get(name);
    if (values === undefined) throw new LambdamaxError({ subject: `input ${name}`, expected: 'a value for it' });
    const expected = node.dtype === 'int32' ? Int32Array : node.dtype === 'bool' ? Uint8Array : floats[this.#precision];
    if (!(values instanceof expected))
      throw new LambdamaxError({ subject: `input ${name}`, expected: expected.name, got: values.constructor.name });
    if (values.length !== sizeOf(node.shape))
      throw new LambdamaxError({
        subject: `input ${name}`,
        expected: `${sizeOf(node.shape)} values for shape [${node.shape}]`,
        got: values.length,
      });
    const type = node.dtype === 'float32' ? this.#precision : node.dtype;
    return new ort.Tensor(type as 'float32', values as Float32Array, node.shape);
  }
}

/** Shapes are settled at compile time, so that a graph which fails when it runs was fed numbers that it cannot take. */
function refuseValues(cause: unknown): never {
  throw new LambdamaxError({
    subject: 'compiled graph',
    expected: 'values that its operations accept, such as indices within their table',
    got: reason(cause),
    cause,
  });
}

/** ONNX Runtime's message without the operator's name, which is ours and means nothing to the reader. */
function reason(cause: unknown): string {
  const { message } = cause as Error;
  return message.split('Status Message: ').at(-1)!;
}

const floats = { float32: Float32Array, float64: Float64Array };
