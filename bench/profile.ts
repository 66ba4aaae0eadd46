import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gemmGflops, onnxBackend } from 'lambdamax/compute';
import * as ort from 'onnxruntime-node';
import { models } from './models.ts';
import { readProblem, writeProblem } from './problem.ts';

/** What of ONNX Runtime's trace is read. */
interface TraceEvent {
  readonly cat: string;
  readonly name: string;
  /** Microseconds. */
  readonly dur: number;
  readonly args: {
    readonly op_name?: string;
    readonly input_type_shape?: readonly Readonly<Record<string, readonly number[]>>[];
    readonly output_type_shape?: readonly Readonly<Record<string, readonly number[]>>[];
  };
}

/** Nodes of one kind within one product. */
export interface KindOfNode {
  readonly kind: string;
  readonly nodes: number;
  readonly milliseconds: number;
  /**
   * What their operations take at the machine's GEMM peak; for all but matrix products, what reading inputs and writing
   * outputs takes at the speed of copying 2 MB.
   */
  readonly floorMilliseconds: number;
}

/** What can be profiled. */
export const profiled = ['gradient', 'product linearised'] as const;

/** A profile of gradients, or of linearised products. */
export interface Profile {
  readonly model: string;
  readonly quantity: (typeof profiled)[number];
  readonly threads: number;
  readonly gemmGflops: number;
  /** 10^9 bytes a second, read and written, of one thread's copy of 2 MB, times the threads. */
  readonly copyGigabytes: number;
  readonly kinds: readonly KindOfNode[];
}

/** How a profile is taken; with `byShape`, nodes of different shapes are different kinds. */
export interface ProfileOptions {
  readonly quantity: Profile['quantity'];
  readonly threads: number;
  readonly repeats: number;
  readonly byShape: boolean;
}

/** Where ONNX Runtime spends its time, kind of node by kind of node, the slowest first. */
export async function profile(model: keyof typeof models, options: ProfileOptions): Promise<Profile> {
  const { quantity, threads, byShape } = options;
  const folder = await mkdtemp(join(tmpdir(), 'lambdamax-profile-'));
  try {
    await writeProblem(folder, models[model]);
    // Several times, since other work on the machine can only lower it.
    let peak = 0;
    for (let run = 0; run < 5; run++) peak = Math.max(peak, await gemmGflops(onnxBackend, threads));
    const copy = threads * copySpeed();
    const events = await traced(folder, options);
    const kinds = new Map<string, KindOfNode>();
    for (const event of events) {
      const { kind, floorMilliseconds } = classify(event, { gflops: peak, copyGigabytes: copy, byShape });
      const known = kinds.get(kind) ?? { kind, nodes: 0, milliseconds: 0, floorMilliseconds: 0 };
      kinds.set(kind, {
        kind,
        nodes: known.nodes + 1,
        milliseconds: known.milliseconds + event.dur / 1000,
        floorMilliseconds: known.floorMilliseconds + floorMilliseconds,
      });
    }
    const sorted = [...kinds.values()].sort((a, b) => b.milliseconds - a.milliseconds);
    return { model, quantity, threads, gemmGflops: peak, copyGigabytes: copy, kinds: sorted };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A profile as a table. */
export function profileLines({ model, quantity, threads, gemmGflops, copyGigabytes, kinds }: Profile): string[] {
  const width = Math.max(44, ...kinds.map(({ kind }) => kind.length));
  const line = (kind: string, ...numbers: string[]) =>
    [kind.padEnd(width), ...numbers.map((text) => text.padStart(9))].join(' ');
  const total = (of: (kind: KindOfNode) => number) => kinds.reduce((sum, kind) => sum + of(kind), 0);
  const all = {
    kind: 'all',
    nodes: total(({ nodes }) => nodes),
    milliseconds: total(({ milliseconds }) => milliseconds),
    floorMilliseconds: total(({ floorMilliseconds }) => floorMilliseconds),
  };
  return [
    `${quantity} of ${model}, threads: ${threads}, GEMM ${gemmGflops.toFixed(0)} GFLOP/s, copy ${copyGigabytes.toFixed(0)} GB/s`,
    line('kind of node', 'nodes', 'ms', 'floor', 'ms / floor'),
    ...[...kinds, all].map(({ kind, nodes, milliseconds, floorMilliseconds: floor }) =>
      line(kind, String(nodes), milliseconds.toFixed(2), floor.toFixed(2), (milliseconds / floor).toFixed(1)),
    ),
  ];
}

/** The nodes of one gradient or product, each with its best time in `repeats` of them. */
async function traced(
  folder: string,
  { quantity, threads, repeats }: Omit<ProfileOptions, 'byShape'>,
): Promise<TraceEvent[]> {
  const sessions: ort.InferenceSession[] = [];
  const create = ort.InferenceSession.create;
  // The library has no option for this, and needs none but here.
  ort.InferenceSession.create = (async (model: Uint8Array, options: object) => {
    const prefix = join(folder, `trace-${sessions.length}`);
    const session = await create(model, { ...options, enableProfiling: true, profileFilePrefix: prefix });
    sessions.push(session);
    return session;
  }) as typeof create;
  try {
    const { model, program, point, batch, direction } = await readProblem(folder, { threads });
    if (quantity === 'gradient') for (let run = 0; run < repeats; run++) await program.gradient(point, batch);
    else {
      const linearised = await program.linearise(point, batch);
      for (let run = 0; run < repeats; run++) await linearised.apply(direction);
    }
    for (const session of sessions) session.endProfiling();
    await model.release();
  } finally {
    ort.InferenceSession.create = create;
  }
  // The session of the product is made last.
  const prefix = `trace-${sessions.length - 1}`;
  const file = (await readdir(folder)).find((name) => name.startsWith(prefix))!;
  const events = JSON.parse(await readFile(join(folder, file), 'utf8')) as TraceEvent[];
  const nodes = events.filter(({ cat, name }) => cat === 'Node' && name.endsWith('_kernel_time'));
  // Every product runs the same nodes in the same order.
  const perProduct = nodes.length / repeats;
  return nodes.slice(0, perProduct).map((node, index) => ({
    ...node,
    dur: Math.min(...Array.from({ length: repeats }, (_, run) => nodes[run * perProduct + index]!.dur)),
  }));
}

/** The kind that a node is counted under, and the time that it takes at the least. */
function classify(
  { dur, args }: TraceEvent,
  { gflops, copyGigabytes, byShape }: Readonly<{ gflops: number; copyGigabytes: number; byShape: boolean }>,
): Pick<KindOfNode, 'kind' | 'floorMilliseconds'> {
  const shapes = (list: TraceEvent['args']['input_type_shape']) => (list ?? []).map((one) => Object.values(one)[0]!);
  const [inputs, outputs] = [shapes(args.input_type_shape), shapes(args.output_type_shape)];
  const name = args.op_name ?? 'unknown';
  const named = (kind: string) =>
    byShape ? `${name} ${inputs.map((shape) => shape.join('x') || '1').join(', ')}` : kind;
  const output = outputs[0];
  if (output && /MatMul|Gemm/.test(name)) {
    const columns = output.at(-1)!;
    // [.., m, k] x [.., k, n]: the first factor has m k entries for each n columns.
    const operations = 2 * size(inputs[0]!) * columns;
    const inner = size(inputs[0]!) / (size(output) / columns);
    const isSkinny = Math.min(inner, columns, output.at(-2) ?? 1) <= 24;
    const kind = output.length > 2 ? 'batched' : isSkinny ? 'skinny (a side of at most 24)' : 'large';
    return { kind: named(`matrix products, ${kind}`), floorMilliseconds: operations / gflops / 1e6 };
  }
  const bytes = 4 * [...inputs, ...outputs].reduce((sum, shape) => sum + size(shape), 0);
  // A view costs nothing, and has no floor that its time could be held against.
  return { kind: named(name), floorMilliseconds: Math.min(bytes / copyGigabytes / 1e6, dur / 1000) };
}

/** 10^9 bytes a second, read and written, in copies of 2 MB: a tensor of this bench, which caches may hold. */
function copySpeed(): number {
  const [from, to] = [new Float32Array(2 ** 19).fill(1), new Float32Array(2 ** 19)];
  let best = Number.POSITIVE_INFINITY;
  for (let run = 0; run < 50; run++) {
    const started = performance.now();
    to.set(from);
    best = Math.min(best, performance.now() - started);
  }
  return (2 * from.byteLength) / best / 1e6;
}

function size(shape: readonly number[]): number {
  return shape.reduce((product, extent) => product * extent, 1);
}
