import * as tf from '@tensorflow/tfjs';
import { LambdamaxError } from '../../errors.ts';
import { onBackend } from '../engine.ts';
import { type Graph, type Node, type NodeOf, nodesOf } from '../graph/node.ts';
import type { Backend, Executable, ExecutableOptions, Values } from './executable.ts';
import { feedFor, refusedValues, releasedGraph } from './feeds.ts';
import { type ReplayRule, replayRules } from './replay.ts';
import { SharedWeights, type TakenWeights } from './sharedWeights.ts';
import { type Kernels, loadCpu, loadNative, loadWasm } from './tensorflowKernels.ts';

/** TensorFlow.js on libtensorflow, CPU or GPU: its package's native binding must have been built. float32. */
export const tensorflowBackend = replayBackend('tensorflow', loadNative);

/** TensorFlow.js in WebAssembly: one thread, anywhere, with nothing to build. float32. */
export const wasmBackend = replayBackend('wasm', loadWasm);

/** TensorFlow.js in plain JavaScript: slow, and there to check the others. float32. */
export const cpuBackend = replayBackend('cpu', loadCpu);

/** Replays a graph's kernels one by one on a backend of TensorFlow.js, which is loaded when it is first needed. */
function replayBackend(name: string, load: (threads: number) => Promise<Kernels>): Backend {
  const shared = new SharedWeights<tf.Tensor>({
    make: (values, node) => tf.keep(tensorOf(values, node)),
    free: (tensor) => tensor.dispose(),
  });
  let kernels: Promise<Kernels> | undefined;
  return {
    name,
    async compile(graph, options) {
      const { precision, threads = 0 } = options;
      if (precision !== 'float32')
        throw new LambdamaxError({
          subject: `backend ${name}`,
          expected: 'precision float32, the only one that TensorFlow.js has',
          got: precision,
          remedy: 'use the backend onnx for float64',
        });
      kernels ??= load(threads);
      // A failure is not kept: the binding may be built meanwhile.
      const loaded = await kernels.catch((error: unknown) => {
        kernels = undefined;
        throw error;
      });
      return new ReplayExecutable(graph, loaded, shared, options);
    },
  };
}

/** A node to compute, and the values that no later one needs. */
interface Step {
  readonly node: Node;
  readonly freed: readonly Node[];
}

class ReplayExecutable implements Executable {
  readonly #kernels: Kernels;
  readonly #outputs: Graph['outputs'];
  readonly #feeds = new Map<string, Node>();
  readonly #steps: readonly Step[];
  readonly #constants = new Map<Node, tf.Tensor>();
  readonly #weights: TakenWeights<tf.Tensor>;
  /** Tensors that stay from run to run: constants and frozen weights. */
  readonly #held: ReadonlyMap<Node, tf.Tensor>;
  #isReleased = false;

  constructor(
    graph: Graph,
    kernels: Kernels,
    shared: SharedWeights<tf.Tensor>,
    { weights, precision, fed = new Set<string>() }: ExecutableOptions,
  ) {
    this.#kernels = kernels;
    this.#outputs = graph.outputs;
    const computed: Node[] = [];
    const constants: NodeOf<'Constant'>[] = [];
    const frozen: NodeOf<'Weight'>[] = [];
    for (const node of nodesOf(graph)) {
      if (node.kernel === 'Placeholder') this.#feeds.set(node.attributes.name, node);
      else if (node.kernel === 'Constant') constants.push(node);
      else if (node.kernel !== 'Weight') computed.push(node);
      else if (fed.has(node.attributes.name)) this.#feeds.set(node.attributes.name, node);
      else frozen.push(node);
    }
    this.#weights = onBackend(kernels.name, kernels.backend, () => {
      const taken = shared.take(frozen, weights, precision);
      for (const node of constants) this.#constants.set(node, tf.keep(tensorOf(node.attributes.values, node)));
      return taken;
    });
    this.#held = new Map([...this.#constants, ...this.#weights.values]);
    this.#steps = planned(computed, graph, this.#held);
  }

  async run(feeds: Values): Promise<Values> {
    if (this.#isReleased) throw releasedGraph();
    const fed = [...this.#feeds].map(([name, node]) => [node, feedFor(node, name, feeds, 'float32')] as const);
    try {
      return onBackend(this.#kernels.name, this.#kernels.backend, () => this.#replay(fed));
    } catch (cause) {
      throw this.#explained(cause as Error);
    }
  }

  async release(): Promise<void> {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#weights.giveBack();
    for (const tensor of this.#constants.values()) tensor.dispose();
    this.#constants.clear();
  }

  #replay(fed: readonly (readonly [Node, tf.TypedArray | Float64Array])[]): Values {
    const tensors = new Map(this.#held);
    for (const [node, values] of fed) tensors.set(node, tensorOf(values, node));
    for (const { node, freed } of this.#steps) {
      const inputs = node.inputs.map((input) => tensors.get(input)!);
      // The table's rule for a kernel takes exactly that kernel's nodes; the union hides it.
      const rule = replayRules[node.kernel as keyof typeof replayRules] as ReplayRule<never>;
      tensors.set(
        node,
        tf.tidy(() => rule(inputs, node as never)),
      );
      for (const last of freed) {
        tensors.get(last)!.dispose();
        tensors.delete(last);
      }
    }
    return new Map([...this.#outputs].map(([name, node]) => [name, valuesOf(tensors.get(node)!, node)]));
  }

  #explained(cause: Error): LambdamaxError {
    const missing = /Kernel '(\w+)' not registered/.exec(cause.message)?.[1];
    if (missing === undefined) return refusedValues(cause.message, cause);
    return new LambdamaxError({
      subject: `kernel ${missing}`,
      expected: `to be one that TensorFlow.js has on its backend ${this.#kernels.name}`,
      remedy: 'use the backend onnx',
      cause,
    });
  }
}

/** The nodes in their order, each with the values of which it is the last user; held tensors and outputs have none. */
function planned(computed: readonly Node[], graph: Graph, held: ReadonlyMap<Node, tf.Tensor>): Step[] {
  const seen = new Set<Node>([...graph.outputs.values(), ...held.keys()]);
  const steps = computed.toReversed().map((node) => {
    const freed = [...new Set(node.inputs)].filter((input) => !seen.has(input));
    for (const input of freed) seen.add(input);
    return { node, freed };
  });
  return steps.reverse();
}

/** A copy, since TensorFlow.js may give the very array that was fed or held, and of another class than the dtype's. */
function valuesOf(tensor: tf.Tensor, { dtype }: Node): Float32Array | Int32Array | Uint8Array {
  const values = tensor.dataSync();
  if (dtype === 'int32') return new Int32Array(values);
  return dtype === 'bool' ? new Uint8Array(values) : new Float32Array(values);
}

function tensorOf(values: tf.TypedArray | Float64Array, { shape, dtype }: Node): tf.Tensor {
  const numbers = values instanceof Float64Array ? Float32Array.from(values) : values;
  return tf.tensor(numbers, [...shape], dtype);
}
