import { LambdamaxError } from '../../errors.ts';
import type { Graph } from '../graph/node.ts';
import { lower } from '../onnx/lower.ts';
import type { ExecutableOptions } from './executable.ts';
import * as ort from './onnxRuntime.ts';

/**
 * A session of ONNX Runtime for a graph, as it stands: it was simplified before, and its products are written as the runtime's own
 * kernels. The runtime's optimisations took 5 to 9 s of a session for 30 layers, and gained nothing that could be measured.
 */
export async function createSession(graph: Graph, options: ExecutableOptions): Promise<ort.InferenceSession> {
  try {
    return await ort.InferenceSession.create(lower(graph, options.precision), sessionOptions(options));
  } catch (cause) {
    throw new LambdamaxError({
      subject: 'ONNX Runtime',
      expected: 'to accept the compiled graph',
      got: (cause as Error).message,
      cause,
    });
  }
}

function sessionOptions({ threads = 0 }: ExecutableOptions): ort.InferenceSession.SessionOptions {
  return {
    graphOptimizationLevel: 'disabled',
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    logSeverityLevel: 4,
    // An arena keeps what the largest run has needed, and no product is faster with it.
    enableCpuMemArena: false,
    // A plan of the first run's memory takes another block of its size.
    enableMemPattern: false,
  };
}
