import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LambdamaxError } from '../../errors.ts';
import { contentHash, toolchainHash } from '../cache/contentHash.ts';
import { type FileCache, graphCache } from '../cache/fileCache.ts';
import type { Graph } from '../graph/node.ts';
import { serialiseGraph } from '../graph/serialise.ts';
import { lower } from '../onnx/lower.ts';
import type { ExecutableOptions } from './executable.ts';
import * as ort from './onnxRuntime.ts';

type SessionOptions = ort.InferenceSession.SessionOptions;

/**
 * A session of ONNX Runtime for a graph. What the runtime makes of the graph, its own optimised form of it, is kept in the cache
 * on disk, and read from there when the same graph is compiled again.
 */
export async function createSession(graph: Graph, options: ExecutableOptions): Promise<ort.InferenceSession> {
  const cache = graphCache();
  const key = contentHash(['onnx session', toolchainHash(), options.precision, serialiseGraph(graph)]);
  const known = cache?.read(key);
  return (known && (await fromOptimised(known, options))) ?? fresh(graph, options, cache && { cache, key });
}

async function fromOptimised(model: Uint8Array, options: ExecutableOptions) {
  const { optimization: _, ...extra } = runOptions(options).extra;
  try {
    return await ort.InferenceSession.create(model, {
      ...runOptions(options),
      graphOptimizationLevel: 'disabled',
      extra: { ...extra, session: { load_model_format: 'ORT' } },
    });
  } catch {
    // Of a form that this build does not take: made anew.
    return undefined;
  }
}

async function fresh(
  graph: Graph,
  options: ExecutableOptions,
  keep?: { readonly cache: FileCache; readonly key: string },
): Promise<ort.InferenceSession> {
  const model = lower(graph, options.precision);
  const sessionOptions: SessionOptions = {
    ...runOptions(options),
    // Above `basic`, fusions choose kernels that exist in float32 only.
    graphOptimizationLevel: options.precision === 'float64' ? 'basic' : 'all',
  };
  try {
    const kept = keep && (await createAndKeep(model, sessionOptions, keep));
    return kept ?? (await ort.InferenceSession.create(model, sessionOptions));
  } catch (cause) {
    throw new LambdamaxError({
      subject: 'ONNX Runtime',
      expected: 'to accept the compiled graph',
      got: (cause as Error).message,
      cause,
    });
  }
}

/** The session, and its optimised form in the cache; undefined if that could not be written. */
async function createAndKeep(
  model: Uint8Array,
  options: SessionOptions,
  { cache, key }: { readonly cache: FileCache; readonly key: string },
): Promise<ort.InferenceSession | undefined> {
  let folder: string | undefined;
  try {
    folder = mkdtempSync(join(tmpdir(), 'lambdamax-graph-'));
    const path = join(folder, 'model.ort');
    const session = await ort.InferenceSession.create(model, { ...options, optimizedModelFilePath: path });
    cache.write(key, readFileSync(path));
    return session;
  } catch {
    return undefined;
  } finally {
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  }
}

function runOptions({ threads = 0 }: ExecutableOptions) {
  return {
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
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
  } as const;
}
