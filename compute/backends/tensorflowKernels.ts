import { createRequire } from 'node:module';
import { dirname, join, sep } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { LambdamaxError } from '../../errors.ts';

/** A backend of TensorFlow.js, and the name under which its kernels are registered. */
export interface Kernels {
  readonly name: string;
  readonly backend: tf.KernelBackend;
}

const require = createRequire(import.meta.url);

/** Packages with a native binding to libtensorflow, and the same API. */
export const nativePackages = ['@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node'] as const;

/** The kernels in plain JavaScript. */
export function loadCpu(): Promise<Kernels> {
  return started('cpu');
}

/** The kernels in WebAssembly, from the files that their package ships. Throws a LambdamaxError if they do not start. */
export async function loadWasm(): Promise<Kernels> {
  const listeners = noteListeners();
  try {
    const { setWasmPaths } = await withoutSwitching(() => import('@tensorflow/tfjs-backend-wasm'));
    // Its folder: the package's own guess is wrong when code has been bundled.
    setWasmPaths(join(dirname(require.resolve('@tensorflow/tfjs-backend-wasm')), sep));
    return await started('wasm');
  } catch (cause) {
    throw new LambdamaxError({
      subject: 'backend wasm',
      expected: 'WebAssembly kernels that start',
      got: (cause as Error).message,
      remedy: 'install @tensorflow/tfjs-backend-wasm anew, or use the backend onnx',
      cause,
    });
  } finally {
    listeners.removeNew();
  }
}

/**
 * The kernels of libtensorflow, through the first native package that loads. `threads` holds for the process, as libtensorflow
 * reads it once. Throws a LambdamaxError that says how to build the binding if it is not there.
 */
export async function loadNative(threads: number): Promise<Kernels> {
  if (threads > 0) process.env.TF_NUM_INTRAOP_THREADS ??= String(threads);
  // Else libtensorflow writes about the machine to standard error.
  process.env.TF_CPP_MIN_LOG_LEVEL ??= '2';
  // Else matrix products on a GPU keep 10 of float32's 23 bits.
  process.env.NVIDIA_TF32_OVERRIDE ??= '0';
  const failures: string[] = [];
  for (const name of nativePackages)
    try {
      await withoutSwitching(() => require(name) as unknown);
      return await started('tensorflow');
    } catch (error) {
      failures.push(`${name}: ${firstLine(error as Error)}`);
    }
  throw new LambdamaxError({
    subject: 'backend tensorflow',
    expected: "TensorFlow.js's native binding to libtensorflow",
    got: failures[0]!,
    remedy:
      'build it once with `lambdamax setup tensorflow --wheel FILE.whl`, FILE from `pip download --no-deps tensorflow`',
  });
}

/** Starts a registered backend without making it the user's current one, as `tf.setBackend` would. */
async function started(name: string): Promise<Kernels> {
  const { registry } = tf.engine();
  registry[name] ??= await tf.findBackendFactory(name)();
  const backend = registry[name];
  // Some kernels look up their function in the backend once.
  for (const { setupFunc } of tf.getKernelsForBackend(name)) setupFunc?.(backend);
  return { name, backend };
}

/** Loads a package that registers a backend, or even makes it the current one; the user's choice stays. */
async function withoutSwitching<T>(load: () => T): Promise<Awaited<T>> {
  // Where none has been chosen yet, a new one of higher priority would be.
  await tf.ready();
  const { backendName } = tf.engine();
  const backendInstance = tf.backend();
  try {
    return await load();
  } finally {
    Object.assign(tf.engine(), { backendName, backendInstance });
  }
}

/** Emscripten's start-up code listens for uncaught errors of the whole process, which are none of its business. */
function noteListeners() {
  const events = ['uncaughtException', 'unhandledRejection'] as const;
  const before = new Map(events.map((event) => [event, process.rawListeners(event)]));
  return {
    removeNew: () => {
      for (const event of events)
        for (const listener of process.rawListeners(event))
          if (!before.get(event)!.includes(listener)) process.removeListener(event, listener as () => void);
    },
  };
}

function firstLine({ message }: Error): string {
  return message.split('\n')[0]!.trim();
}
