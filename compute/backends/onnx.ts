import { type Graph, type Node, nodesOfKernel } from '../graph/node.ts';
import { inputName, inputsOf, outputName } from '../onnx/lower.ts';
import type { Precision, Vector } from '../tensors.ts';
import type { Backend, Executable, Values } from './executable.ts';
import { feedFor, refusedValues, releasedGraph } from './feeds.ts';
import * as ort from './onnxRuntime.ts';
import { createSession } from './onnxSession.ts';
import { SharedWeights, type TakenWeights } from './sharedWeights.ts';

/** Weights are inputs of every session, which takes the arrays as they are: no session has a copy. */
const weights = new SharedWeights<ort.Tensor>({ make: tensorOf, free: () => {} });

/** ONNX Runtime on the CPU: float32 with all graph optimisations, float64 with those that exist for it. */
export const onnxBackend: Backend = {
  name: 'onnx',
  async compile(graph, options) {
    const { fed, precision } = options;
    const frozen = nodesOfKernel(graph, 'Weight');
    const taken = weights.take(
      frozen.filter(({ attributes }) => !fed?.has(attributes.name)),
      options.weights,
      precision,
    );
    try {
      return new OnnxExecutable(await createSession(graph, options), graph, taken, precision);
    } catch (error) {
      taken.giveBack();
      throw error;
    }
  },
};

class OnnxExecutable implements Executable {
  #session: ort.InferenceSession | undefined;
  readonly #inputs: ReadonlyMap<string, Node>;
  readonly #outputs: readonly string[];
  readonly #weights: TakenWeights<ort.Tensor>;
  readonly #precision: Precision;

  constructor(session: ort.InferenceSession, graph: Graph, taken: TakenWeights<ort.Tensor>, precision: Precision) {
    this.#session = session;
    this.#inputs = inputsOf(graph);
    this.#outputs = [...graph.outputs.keys()];
    this.#weights = taken;
    this.#precision = precision;
  }

  async run(feeds: Values): Promise<Values> {
    if (this.#session === undefined) throw releasedGraph();
    const tensors: Record<string, ort.Tensor> = {};
    for (const [name, node] of this.#inputs)
      tensors[inputName(name)] = this.#weights.values.get(node) ?? this.#feed(name, node, feeds);
    const results = await this.#session.run(tensors).catch((cause: unknown) => {
      throw refusedValues(reason(cause), cause);
    });
    return new Map(this.#outputs.map((name) => [name, results[outputName(name)]!.data as Float32Array]));
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

/** Values as a tensor of ONNX Runtime's, which reads the array's own memory. */
function tensorOf(values: Vector | Int32Array | Uint8Array, { dtype, shape }: Node): ort.Tensor {
  const type = dtype === 'float32' && values instanceof Float64Array ? 'float64' : dtype;
  return new ort.Tensor(type as 'float32', values as Float32Array, shape);
}

/** ONNX Runtime's message without the operator's name, which is ours and means nothing to the reader. */
function reason(cause: unknown): string {
  const { message } = cause as Error;
  return message.split('Status Message: ').at(-1)!;
}
