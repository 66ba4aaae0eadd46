import type { Graph } from '../graph/node.ts';
import type { WeightSource } from '../program.ts';
import type { Precision } from '../tensors.ts';

/** Values by name, row-major: floats in the program's precision, whole numbers as Int32Array, truth values as Uint8Array. */
export type Values = ReadonlyMap<string, Float32Array | Float64Array | Int32Array | Uint8Array>;

/** A graph ready to run. */
export interface Executable {
  /**
   * Runs the graph once. Throws a LambdamaxError that names a feed that is missing or has the wrong length or class, and
   * after `release`. Feeds that the graph does not know are ignored.
   */
  run(feeds: Values): Promise<Values>;
  /** Frees the graph; a second time does nothing. */
  release(): Promise<void>;
}

/** What a graph without outputs compiles to: there is nothing to run. */
export const emptyExecutable: Executable = { run: async () => new Map(), release: async () => {} };

/** How a graph is to be compiled. */
export interface ExecutableOptions {
  readonly precision: Precision;
  /** The checkpoint that the graph's weights belong to. */
  readonly weights?: WeightSource;
  /** Names of weights that are fed at each run. */
  readonly fed?: ReadonlySet<string>;
  /** Threads within one operation; 0 (the default) leaves it to the backend. */
  readonly threads?: number;
}

/** The backends by the names that users type: ONNX Runtime, TensorFlow.js on libtensorflow, TensorFlow.js in WebAssembly. */
export const backendNames = ['onnx', 'tensorflow', 'wasm'] as const;

/** The name of a backend. */
export type BackendName = (typeof backendNames)[number];

/** What computes, and how, where nothing else is said. */
export const engineDefaults = { precision: 'float32', backend: 'onnx', threads: 0 } as const;

/** Something that can run graphs. */
export interface Backend {
  readonly name: string;
  compile(graph: Graph, options: ExecutableOptions): Promise<Executable>;
}
