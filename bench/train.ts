import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exactSteps } from './agreement.ts';
import { type HvpOptions, rowOf } from './hvp.ts';
import { models } from './models.ts';
import { writeProblem } from './problem.ts';
import { type BenchResult, describeMachine, type Row } from './rows.ts';
import { findPeers, lambdamax, lambdamaxTraining, type Peers } from './subjects.ts';
import { type Entry, inTurns } from './turns.ts';

/** What is compared, and how long: as in `hvp`, and of `backends` those that train. */
export type TrainOptions = HvpOptions;

/**
 * Time and memory of a training step, AdamW on LoRA: lambdamax's own loop against PEFT on PyTorch, on the same weights,
 * tokens and threads, with PyTorch's fused attention and with the plain one. Throws a LambdamaxError that names the subject
 * if one trains to something else.
 */
export async function train(options: TrainOptions, say: (line: string) => void): Promise<BenchResult> {
  const found: Peers = options.peers ? await findPeers(options.python) : { subjects: [], command: '', versions: {} };
  const peers = found.subjects.filter(({ quantities }) => quantities.includes('step'));
  if (options.peers && peers.length === 0)
    say('no Python with PEFT found (--python PATH, or bench/.venv): only lambdamax is measured');
  const machine = describeMachine(found.versions);
  const entries: Entry[] = [
    ...options.backends.map((backend) => ({ subject: lambdamaxTraining(backend), quantity: 'step' as const })),
    ...peers.map((subject) => ({ subject, quantity: 'step' as const })),
    { subject: lambdamax('onnx'), quantity: 'gemm' },
  ];
  const folder = await mkdtemp(join(tmpdir(), 'lambdamax-bench-'));
  const rows: Row[] = [];
  try {
    for (const model of options.models) {
      const problem = join(folder, model);
      await writeProblem(problem, models[model]);
      const reference = await exactSteps(problem);
      for (const threads of options.threads) {
        const task = { problem, threads, repeats: options.repeats, seconds: options.seconds };
        const measured = await inTurns(entries, options.rounds, task, say);
        const speeds = measured.flatMap(({ reports }) => reports.map(({ gflops }) => gflops ?? 0));
        machine.gemmGflops[threads] = Math.max(machine.gemmGflops[threads] ?? 0, ...speeds);
        for (const entry of measured)
          if (entry.quantity !== 'gemm')
            rows.push(await rowOf(entry, model, threads, reference, machine.gemmGflops[threads]));
      }
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return { machine, rows };
}
