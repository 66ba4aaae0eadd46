import { z } from 'zod';
import { LambdamaxError } from '../../errors.ts';
import { reported } from '../subject.ts';
import type { Comparison, RealSubject } from './subjects.ts';

/** What one process is asked for. */
export interface RealTask {
  /** The folder of the setting; see `setting.ts`. */
  readonly setting: string;
  /** The checkpoint's folder. */
  readonly model: string;
  readonly threads: number;
  /** The first result is not timed; then the process measures so often. */
  readonly repeats: number;
  /** A folder for what is kept from process to process, such as compiled graphs. */
  readonly kept: string;
}

// The protocol: `--name value` in, `--began` (milliseconds since 1970 when the process was started) and `--result` (the file
// that gets a product, as raw float32) among them, and one line of JSON out, the last on standard output.
const report = z.object({
  /** Mean cross-entropies over scored tokens, on which everybody must agree. */
  losses: z.array(z.number()),
  /** From the start of the process until the first result can be begun. */
  setupMilliseconds: z.number(),
  /** From the start of the process until the first result is there. */
  firstMilliseconds: z.number(),
  /** One number per repetition. */
  milliseconds: z.array(z.number()).min(1),
  /** What all threads together computed in each. */
  cpuMilliseconds: z.array(z.number()).min(1),
  /** The most memory that was resident while the process lived. */
  peakMegabytes: z.number(),
  /** What a model wrote behind each prompt; of `generation` alone. */
  tokens: z.array(z.array(z.number())).optional(),
});

/** What one process has measured. */
export type RealReport = Readonly<z.infer<typeof report>>;

/** A subject with all that its processes have reported, in order, and where the last of them left its vector. */
export interface RealMeasured {
  readonly subject: RealSubject;
  readonly reports: readonly RealReport[];
  readonly result: string;
}

/** Starts a process for one task. Throws as `reported`. */
export function asked<T>(
  { name, command, arguments: own }: RealSubject,
  quantity: string,
  task: Readonly<Record<string, string | number>> | RealTask,
  schema: z.ZodType<T>,
): Promise<T> {
  const args = Object.entries({ ...task, began: Date.now() }).flatMap(([option, value]) => [
    `--${option}`,
    String(value),
  ]);
  return reported(`${name}, ${quantity}`, command, [...own, ...args], schema);
}

/**
 * Measures everybody in turns (A B C A B C ...), each time in a new process. A peer that fails is left out, and it is said why:
 * one that does not fit into memory must not cost what the others have measured.
 */
export async function inTurns(
  { quantity, subjects }: Comparison,
  rounds: number,
  task: RealTask,
  say: (line: string) => void,
): Promise<RealMeasured[]> {
  const measured = subjects.map((subject, index) => ({
    subject,
    reports: [] as RealReport[],
    result: `${task.setting}/result-${task.threads}-${index}`,
  }));
  const failed = new Set<RealSubject>();
  for (let round = 1; round <= rounds; round++)
    for (const { subject, reports, result } of measured) {
      if (failed.has(subject)) continue;
      const found = await unlessFails(subject, say, () => asked(subject, quantity, { ...task, result }, report));
      if (found === undefined) {
        failed.add(subject);
        continue;
      }
      reports.push(found);
      const [first, best] = [found.firstMilliseconds, Math.min(...found.milliseconds)];
      const times = `${(best / 1000).toFixed(2)} s, first result after ${(first / 1000).toFixed(1)} s`;
      say(`${quantity}, threads ${task.threads}, round ${round}/${rounds}: ${subject.name}: ${times}`);
    }
  return measured.filter(({ reports }) => reports.length > 0);
}

/** What `measure` finds; undefined for a peer that fails, which is said. */
export async function unlessFails<T>(
  { isOurs }: RealSubject,
  say: (line: string) => void,
  measure: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await measure();
  } catch (error) {
    if (isOurs || !(error instanceof LambdamaxError)) throw error;
    say(`left out: ${error.message}`);
    return undefined;
  }
}
