import type { Backend, BackendName } from './executable.ts';
import { onnxBackend } from './onnx.ts';
import { tensorflowBackend, wasmBackend } from './tensorflow.ts';

/** What the names stand for; nothing is loaded before a graph is compiled. */
const backends: { readonly [Name in BackendName]: Backend } = {
  onnx: onnxBackend,
  tensorflow: tensorflowBackend,
  wasm: wasmBackend,
};

/** The backend of this name. */
export function backendNamed(name: BackendName): Backend {
  return backends[name];
}
