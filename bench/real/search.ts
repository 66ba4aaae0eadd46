import { z } from 'zod';
import { LambdamaxError } from '../../errors.ts';
import { requireLosses } from './agreement.ts';
import { asked, type RealTask, unlessFails } from './measure.ts';
import type { Comparison } from './subjects.ts';

/** How close to lambda_max everybody must come, relative to it. */
export const trueTolerance = 1e-3;
/** What our first search is stopped by: its value is what the others' are held against. */
const truthTolerance = 1e-4;

/** Where a search stands; times are from the start of the process. */
const moment = z.object({
  value: z.number(),
  /** Products with the Hessian. */
  products: z.number(),
  milliseconds: z.number(),
  cpuMilliseconds: z.number(),
});
const search = z.object({
  /** Mean cross-entropy over the scored tokens. */
  loss: z.number(),
  /** From the start of the process until products can begin. */
  setupMilliseconds: z.number(),
  /** After each product. */
  trace: z.array(moment).min(1),
  /** Where it ended by a rule of its own; absent if it was stopped for being close enough. */
  ended: moment.optional(),
  outcome: z.string().optional(),
  peakMegabytes: z.number(),
});
type Moment = Readonly<z.infer<typeof moment>>;
type SearchReport = Readonly<z.infer<typeof search>>;

/** One search for lambda_max, up to where it counts. */
export interface RealSearch extends Moment {
  readonly subject: string;
  readonly isOurs: boolean;
  readonly setupMilliseconds: number;
  readonly peakMegabytes: number;
  readonly loss: number;
  /** |value / lambda_max - 1|. */
  readonly trueError: number;
  /** Whether the value never came close enough. */
  readonly missed: boolean;
}

/**
 * lambda_max of the searched rows to a true relative error of 1e-3, from the start of the process to the value, each of them
 * once and from its own random start vector. Everybody is stopped when the value is close enough, as somebody who knows it would;
 * ours, besides, by its own bound on the error. Our first search begins with no kept graphs, ends at 1e-4, and says what is true.
 */
export async function searches(
  { quantity, subjects: [ours, ...others] }: Comparison,
  { repeats: _, ...task }: RealTask,
  say: (line: string) => void,
): Promise<RealSearch[]> {
  const own = ours!;
  const first = await asked(own, quantity, { ...task, tolerance: truthTolerance }, search);
  const truth = first.ended!.value;
  if (first.outcome !== 'converged')
    throw new LambdamaxError({ subject: `${own.name}, ${quantity}`, expected: 'to converge', got: first.outcome });
  say(`${quantity}, threads ${task.threads}: ${truth}, after ${first.ended!.products} products`);
  const kept = await asked(own, quantity, { ...task, tolerance: trueTolerance }, search);
  const found = [
    searchOf(own.name, kept, truth, true),
    { ...searchOf(`${own.name}, by its own bound`, kept, truth, true), ...endOf(kept, truth) },
    searchOf(`${own.name}, first time`, first, truth, true),
  ];
  for (const one of found) say(inWords(quantity, task.threads, one));
  for (const other of others) {
    const options = { ...task, truth, tolerance: trueTolerance };
    const report = await unlessFails(other, say, () => asked(other, quantity, options, search));
    if (report === undefined) continue;
    requireLosses(`${other.name}, ${quantity}`, [report.loss], [first.loss]);
    const one = searchOf(other.name, report, truth, false);
    found.push(one);
    say(inWords(quantity, task.threads, one));
  }
  return found;
}

/** A search up to the first product after which its value is close enough; up to its end if there is none. */
function searchOf(subject: string, report: SearchReport, truth: number, isOurs: boolean): RealSearch {
  const { setupMilliseconds, peakMegabytes, loss, trace } = report;
  const isClose = ({ value }: Moment) => errorOf(value, truth) <= trueTolerance;
  const reached = trace.find(isClose);
  const { value, products, milliseconds, cpuMilliseconds } = reached ?? trace.at(-1)!;
  return {
    ...{ subject, isOurs, setupMilliseconds, peakMegabytes, loss },
    ...{ value, products, milliseconds, cpuMilliseconds },
    trueError: errorOf(value, truth),
    missed: reached === undefined,
  };
}

/** Where a search ended by its own rule. */
function endOf({ ended }: SearchReport, truth: number): Moment & Pick<RealSearch, 'trueError' | 'missed'> {
  const trueError = errorOf(ended!.value, truth);
  return { ...ended!, trueError, missed: trueError > trueTolerance };
}

function errorOf(value: number, truth: number): number {
  return Math.abs(value / truth - 1);
}

function inWords(quantity: string, threads: number, { subject, milliseconds, products, missed }: RealSearch): string {
  const rest = `${products} products${missed ? ', and never gets there' : ''}`;
  return `${quantity}, threads ${threads}: ${subject}: ${(milliseconds / 1000).toFixed(1)} s, ${rest}`;
}
