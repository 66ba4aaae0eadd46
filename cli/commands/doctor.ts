import { availableParallelism } from 'node:os';
import { backendNames } from '../../compute/backends/executable.ts';
import { LambdamaxError } from '../../errors.ts';
import type { Command } from '../command.ts';
import { engineOptions } from '../options/options.ts';
import { required, wholeNumber } from '../options/values.ts';
import { shortNumber } from '../words/output.ts';

/** What is known of a backend on this machine. */
interface BackendHealth {
  readonly name: string;
  readonly works: boolean;
  /** Why it does not work, and what to do. */
  readonly reason: string | null;
  /** 10^9 floating-point operations a second in matrix products. */
  readonly gemmGflops: number | null;
  readonly threads: number | null;
}

/** `lambdamax doctor`: what works here. */
export const command: Command = {
  usage: 'doctor',
  summary: 'Which backends work here, and how fast they multiply matrices',
  options: { threads: engineOptions.threads! },
  examples: [['doctor --threads 1', 'with one thread each']],
  async run(args, output) {
    const threads = required(args, 'threads', wholeNumber(0, 1024));
    const { backendNamed, gemmGflops } = await import('../../compute/index.ts');
    const backends: BackendHealth[] = [];
    for (const name of backendNames)
      backends.push(await health(name, threads, () => gemmGflops(backendNamed(name), threads)));
    output.result({ backends }, () => [
      ...output.table(
        ['backend', 'works', 'GFLOP/s', 'threads'],
        backends.map(({ name, works, gemmGflops, threads }) => [name, works ? 'yes' : 'no', gemmGflops, threads]),
      ),
      ...backends.flatMap(({ reason }) => (reason === null ? [] : ['', reason])),
    ]);
  },
};

async function health(name: string, threads: number, measure: () => Promise<number>): Promise<BackendHealth> {
  try {
    const gemmGflops = Number(shortNumber(await measure(), 3));
    // In Node, WebAssembly kernels have one thread.
    const used = name === 'wasm' ? 1 : threads || availableParallelism();
    return { name, works: true, reason: null, gemmGflops, threads: used };
  } catch (error) {
    if (!(error instanceof LambdamaxError)) throw error;
    return { name, works: false, reason: error.message, gemmGflops: null, threads: null };
  }
}
