import { type Backend, cpuBackend, record, tensorflowBackend, wasmBackend } from '../../compute/index.ts';
import { LambdamaxError } from '../../errors.ts';

/** The error that the native binding's absence leads to, or undefined where it has been built. */
export async function nativeFault(): Promise<LambdamaxError | undefined> {
  const graph = record({ parameters: [], inputs: [], weights: [] }, () => new Map());
  try {
    await (await tensorflowBackend.compile(graph, { precision: 'float32' })).release();
    return undefined;
  } catch (error) {
    if (error instanceof LambdamaxError) return error;
    throw error;
  }
}

/** Every backend of TensorFlow.js that is here. */
export async function replayBackends(): Promise<readonly Backend[]> {
  return [cpuBackend, wasmBackend, ...((await nativeFault()) === undefined ? [tensorflowBackend] : [])];
}
