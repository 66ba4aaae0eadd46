import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LambdamaxError } from '../errors.ts';
import { exactly, type Reference, requireLoss, requireVector } from './agreement.ts';
import { leastOperations, type ModelName, models } from './models.ts';
import { readBuffer, writeProblem } from './problem.ts';
import { type BenchResult, describeMachine, type Row } from './rows.ts';
import { measure, quantities, type Subject } from './subject.ts';
import { findPeers, lambdamax, type Peers } from './subjects.ts';
import { type Entry, inTurns, type Measured } from './turns.ts';

/** What is compared, and how long. */
export interface HvpOptions {
  readonly models: readonly ModelName[];
  readonly threads: readonly number[];
  /** Backends of ours. */
  readonly backends: readonly string[];
  /** Whether others are measured, and with which Python. */
  readonly peers: boolean;
  readonly python?: string | undefined;
  /** Only these; without `gemm` nothing is compared with the machine's peak. */
  readonly quantities?: readonly string[] | undefined;
  /** Processes of each. */
  readonly rounds: number;
  /** Repetitions in a process, */
  readonly repeats: number;
  /** but no new one after so many seconds. */
  readonly seconds: number;
}

/**
 * Time and memory of a Llama's loss, gradient and Hessian-vector product: lambdamax against PyTorch and JAX, on the same
 * weights, tokens and threads. Throws a LambdamaxError that names the subject if one computes something else.
 */
export async function hvp(options: HvpOptions, say: (line: string) => void): Promise<BenchResult> {
  const peers: Peers = options.peers ? await findPeers(options.python) : { subjects: [], command: '', versions: {} };
  if (options.peers && peers.subjects.length === 0)
    say('no Python with PyTorch or JAX found (--python PATH, or bench/.venv): only lambdamax is measured');
  const machine = describeMachine(peers.versions);
  const folder = await mkdtemp(join(tmpdir(), 'lambdamax-bench-'));
  const rows: Row[] = [];
  try {
    const ours = await working(options.backends, folder, say);
    const subjects = [...ours, ...peers.subjects];
    for (const model of options.models) {
      const problem = join(folder, model);
      await writeProblem(problem, models[model]);
      const reference = await exactly(problem);
      for (const threads of options.threads) {
        const task = { problem, threads, repeats: options.repeats, seconds: options.seconds };
        const measured = await inTurns(entriesFor(subjects, threads, options), options.rounds, task, say);
        for (const { reports } of measured)
          for (const { gflops } of reports)
            if (gflops) machine.gemmGflops[threads] = Math.max(machine.gemmGflops[threads] ?? 0, gflops);
        const timed = measured.filter(({ quantity }) => quantity !== 'gemm');
        for (const entry of timed)
          rows.push(await rowOf(entry, model, threads, reference, machine.gemmGflops[threads]));
      }
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return { machine, rows };
}

/** The backends of ours that start here; of the others it is said why not. */
async function working(backends: readonly string[], folder: string, say: (line: string) => void): Promise<Subject[]> {
  const found: Subject[] = [];
  for (const backend of backends) {
    const subject = lambdamax(backend);
    const task = { problem: folder, quantity: 'gemm', threads: 1, repeats: 1, seconds: 0, result: '' } as const;
    // The reference in float64 needs ONNX Runtime in any case.
    if (backend === 'onnx') {
      found.push(subject);
      continue;
    }
    try {
      await measure(subject, task);
      found.push(subject);
    } catch (error) {
      if (!(error instanceof LambdamaxError)) throw error;
      say(`left out: ${error.message}`);
    }
  }
  return found;
}

/** Quantity by quantity, so that those who are compared run one after another. */
function entriesFor(subjects: readonly Subject[], threads: number, options: HvpOptions): Entry[] {
  const wanted = quantities.filter(
    (name) => options.quantities?.includes(name) ?? !['step', 'lambdaMax'].includes(name),
  );
  return wanted.flatMap((quantity) =>
    subjects
      .filter((subject) => subject.quantities.includes(quantity))
      // In Node, WebAssembly kernels have one thread. The machine's peak is taken from ONNX Runtime.
      .filter(({ name }) => threads === 1 || name !== 'lambdamax wasm')
      .filter(({ name }) => quantity !== 'gemm' || name === 'lambdamax onnx')
      .map((subject) => ({ subject, quantity })),
  );
}

/** The line that a measurement becomes, held against the exact loss and vector. */
export async function rowOf(
  { subject, quantity, reports, result }: Measured,
  model: ModelName,
  threads: number,
  reference: Reference,
  gemmGflops: number | undefined,
): Promise<Row> {
  const runs = reports.map(({ milliseconds }) => Math.min(...milliseconds));
  const milliseconds = Math.min(...runs);
  const who = `${subject.name}, ${quantity} of ${model}`;
  for (const { loss } of reports) requireLoss(who, loss, reference);
  const exact = reference.vectors[quantity];
  const trueError = exact ? requireVector(who, new Float32Array(await readBuffer(result)), exact) : null;
  const operations = leastOperations(models[model])[quantity]!;
  return {
    model,
    threads,
    subject: subject.name,
    quantity,
    milliseconds,
    runs,
    cpuMilliseconds: Math.min(...reports.flatMap(({ cpuMilliseconds }) => cpuMilliseconds)),
    setupMilliseconds: Math.min(...reports.map(({ setupMilliseconds }) => setupMilliseconds)),
    peakMegabytes: Math.max(...reports.map(({ peakMegabytes }) => peakMegabytes)),
    loss: reports.at(-1)!.loss,
    trueError,
    gemmFraction: gemmGflops ? operations / (milliseconds * 1e6 * gemmGflops) : null,
  };
}
