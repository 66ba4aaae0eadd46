import { join } from 'node:path';
import { measure, type Quantity, type Report, type Subject, type Task } from './subject.ts';

/** One subject's part in a comparison. */
export interface Entry {
  readonly subject: Subject;
  readonly quantity: Quantity;
}

/** All that an entry's processes have reported, in order, and where the last of them left its vector. */
export interface Measured extends Entry {
  readonly reports: readonly Report[];
  readonly result: string;
}

/**
 * Measures all entries, each time in a new process, in turns (A B C A B C ...): identical code varies by 1.0-1.7x between
 * processes, and a machine's speed from minute to minute. Everybody meets the same weather, and the best of each counts.
 */
export async function inTurns(
  entries: readonly Entry[],
  rounds: number,
  task: Omit<Task, 'quantity' | 'result'>,
  say: (line: string) => void,
): Promise<Measured[]> {
  const measured = entries.map((entry, index) => ({
    ...entry,
    reports: [] as Report[],
    result: join(task.problem, `result-${task.threads}-${index}`),
  }));
  for (let round = 1; round <= rounds; round++)
    for (const { subject, quantity, reports, result } of measured) {
      const report = await measure(subject, { ...task, quantity, result });
      reports.push(report);
      const best = Math.min(...report.milliseconds);
      say(`round ${round}/${rounds}, ${task.threads} threads: ${subject.name}, ${quantity}: ${best.toFixed(2)} ms`);
    }
  return measured;
}
