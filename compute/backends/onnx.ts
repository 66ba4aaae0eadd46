import * as ort from 'onnxruntime-node';
import { LambdamaxError } from '../../errors.ts';
import type { Node } from '../graph/node.ts';
import { inputName, type LoweredGraph, lower, outputName } from '../onnx/lower.ts';
import type { Precision } from '../tensors.ts';
import type { Backend, Executable, ExecutableOptions, Values } from './executable.ts';
import { feedFor, refusedValues, releasedGraph } from './feeds.ts';

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
    if (this.#session === undefined) throw releasedGraph();
    const tensors: Record<string, ort.Tensor> = {};
    for (const [name, node] of this.#lowered.feeds) tensors[inputName(name)] = this.#feed(name, node, feeds);
    const results = await this.#session.run(tensors).catch((cause: unknown) => {
      throw refusedValues(reason(cause), cause);
    });
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
    const values = feedFor(node, name, feeds, this.#precision);
    const type = node.dtype === 'float32' ? this.#precision : node.dtype;
    return new ort.Tensor(type as 'float32', values as Float32Array, node.shape);
  }
}

/** ONNX Runtime's message without the operator's name, which is ours and means nothing to the reader. */
function reason(cause: unknown): string {
  const { message } = cause as Error;
  return message.split('Status Message: ').at(-1)!;
}
