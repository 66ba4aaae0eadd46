import * as ort from 'onnxruntime-node';
import { LambdamaxError } from '../../errors.ts';
import type { Node } from '../graph/node.ts';
import { inputName, type LoweredGraph, lower, outputName } from '../onnx/lower.ts';
import type { Precision, Vector } from '../tensors.ts';
import type { Backend, Executable, ExecutableOptions, Values } from './executable.ts';
import { feedFor, refusedValues, releasedGraph } from './feeds.ts';
import { SharedWeights, type TakenWeights } from './sharedWeights.ts';

/** Weights are inputs of every session, which takes the arrays as they are: no session has a copy. */
const weights = new SharedWeights<ort.Tensor>({ make: tensorOf, free: () => {} });

/** ONNX Runtime on the CPU: float32 with all graph optimisations, float64 with those that exist for it. */
export const onnxBackend: Backend = {
  name: 'onnx',
  async compile(graph, options) {
    const { fed, precision } = options;
    const lowered = lower(graph, precision);
    const frozen = [...lowered.inputs.values()].filter((node) => node.kernel === 'Weight');
    const taken = weights.take(
      frozen.filter(({ attributes }) => !fed?.has(attributes.name)),
      options.weights,
      precision,
    );
    try {
      return new OnnxExecutable(await createSession(lowered, options), lowered, taken, precision);
    } catch (error) {
      taken.giveBack();
      throw error;
    }
  },
};

async function createSession({ model }: LoweredGraph, options: ExecutableOptions): Promise<ort.InferenceSession> {
  const { precision, threads = 0 } = options;
  try {
    return await ort.InferenceSession.create(model, {
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      // Above `basic`, fusions choose kernels that exist in float32 only.
      graphOptimizationLevel: precision === 'float64' ? 'basic' : 'all',
      logSeverityLevel: 4,
      // An arena keeps what the largest run has needed, and no product is faster with it.
      enableCpuMemArena: false,
      // A plan of the first run's memory takes another block of its size.
      enableMemPattern: false,
      extra: {
        // The one turns products back that were laid out with care; the other makes one of a skinny product and a sum,
        // which takes twice the time of both.
        optimization: { disable_specified_optimizers: 'GemmTransposeFusion;MatMulAddFusion' },
      },
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
  readonly #weights: TakenWeights<ort.Tensor>;
  readonly #precision: Precision;

  constructor(
    session: ort.InferenceSession,
    lowered: LoweredGraph,
    taken: TakenWeights<ort.Tensor>,
    precision: Precision,
  ) {
    this.#session = session;
    this.#lowered = lowered;
    this.#weights = taken;
    this.#precision = precision;
  }

  async run(feeds: Values): Promise<Values> {
    if (this.#session === undefined) throw releasedGraph();
    const tensors: Record<string, ort.Tensor> = {};
    for (const [name, node] of this.#lowered.inputs)
      tensors[inputName(name)] = this.#weights.values.get(node) ?? this.#feed(name, node, feeds);
    const results = await this.#session.run(tensors).catch((cause: unknown) => {
      throw refusedValues(reason(cause), cause);
    });
    return new Map(
      [...this.#lowered.outputs.keys()].map((name) => [name, results[outputName(name)]!.data as Float32Array]),
    );
  }

  async release(): Promise<void> {
    const session = this.#session;
    if (session === undefined) return;
    this.#session = undefined;
    this.#weights.giveBack();
    await session.release();
  }

  #feed(name: string, node: Node, feeds: Values): ort.Tensor {
    return tensorOf(feedFor(node, name, feeds, this.#precision), node);
  }
}

/** The same memory: ONNX Runtime reads the array itself. */
function tensorOf(values: Vector | Int32Array | Uint8Array, { dtype, shape }: Node): ort.Tensor {
  const type = dtype === 'float32' && values instanceof Float64Array ? 'float64' : dtype;
  return new ort.Tensor(type as 'float32', values as Float32Array, shape);
}

/** ONNX Runtime's message without the operator's name, which is ours and means nothing to the reader. */
function reason(cause: unknown): string {
  const { message } = cause as Error;
  return message.split('Status Message: ').at(-1)!;
}
