import * as tf from '@tensorflow/tfjs';

/** What is borrowed of TensorFlow.js's one engine. Its `setBackend` is asynchronous; these fields are what it sets. */
export interface Engine {
  backendName: string;
  backendInstance: tf.KernelBackend;
  customGrad: unknown;
  runKernel(kernel: string, inputs: tf.NamedTensorMap, attributes?: Record<string, unknown>): unknown;
  readonly state: { activeTape: { saved?: tf.Tensor[] }[] | null; readonly gradientDepth: number };
  startScope(name: string): void;
  endScope(): void;
}

/**
 * Runs `body` with `backend` as the engine's own, in a scope that frees each tensor which is not kept, and puts the user's
 * backend back afterwards, whatever happens. The body must be synchronous: no one else's code runs meanwhile.
 */
export function onBackend<T>(name: string, backend: tf.KernelBackend, body: (engine: Engine) => T): T {
  const engine = tf.engine() as unknown as Engine;
  const { backendName, backendInstance } = engine;
  engine.backendName = name;
  engine.backendInstance = backend;
  engine.startScope(name);
  try {
    return body(engine);
  } finally {
    engine.endScope();
    engine.backendName = backendName;
    engine.backendInstance = backendInstance;
  }
}
