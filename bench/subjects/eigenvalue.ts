/**
 * Searches for the largest eigenvalue with lambdamax; the protocol stands in `eigenvalue.ts`. Modes: `warm`, with compiled
 * graphs kept in a folder; `cold`, with none; `rule`, stopped by a tolerance and not by a number of products.
 */

import { parseArgs } from 'node:util';
import { hessian, lanczos, type SymmetricOperator } from 'lambdamax/analysis';
import type { Precision } from 'lambdamax/compute';
import { readProblem } from '../problem.ts';
import { lanczosUntil, type Stopped } from '../stoppingRules.ts';

const text = { type: 'string' } as const;
const { values } = parseArgs({
  options: {
    mode: text,
    precision: text,
    problem: text,
    threads: text,
    seed: text,
    starts: text,
    kept: text,
    setting: text,
    truth: text,
    tolerance: text,
  },
});
const precision = values.precision as Precision;
process.env.LAMBDAMAX_CACHE = values.mode === 'cold' ? 'off' : values.kept!;

/** The smallest that float32 allows: what ends the search is the number of products. */
const never = 1e-5;

async function operator(): Promise<SymmetricOperator> {
  const { program, point, batch } = await readProblem(values.problem!, { precision, threads: Number(values.threads) });
  return hessian([{ scored: 1, linearised: await program.linearise(point, batch) }]);
}

async function measured(setting: number): Promise<object> {
  const [began, cpuBegan] = [performance.now(), process.cpuUsage()];
  const { rerounded, ...plain } = await operator();
  // What rounding does belongs to a bound, which a search of so many products does not give.
  const matrix = values.mode === 'rule' && rerounded ? { ...plain, rerounded } : plain;
  const setupMilliseconds = performance.now() - began;
  const stop = values.mode === 'rule' ? { tolerance: setting, maxSteps: 400 } : { tolerance: never, maxSteps: setting };
  const seed = Number(values.seed);
  const { lambdaMax, products, outcome } = await lanczos(matrix, { ends: 'largest', seed, ...stop });
  const { user, system } = process.cpuUsage(cpuBegan);
  return {
    value: lambdaMax!.value,
    products,
    outcome,
    milliseconds: performance.now() - began,
    setupMilliseconds,
    cpuMilliseconds: (user + system) / 1000,
    // maxRSS is in kilobytes of 1,024 bytes.
    peakMegabytes: (process.resourceUsage().maxRSS * 1024) / 1e6,
  };
}

/** From each start the first number of products after which the value is within the tolerance of the truth, up to a miss. */
async function firstWithin(truth: number, tolerance: number): Promise<object> {
  const isWithin = ({ value }: Stopped) => Math.abs(value - truth) <= tolerance * Math.abs(truth);
  const matrix = await operator();
  const settings: { setting: number | null; value: number }[] = [];
  for (let seed = 0; seed < Number(values.starts) && settings.at(-1)?.setting !== null; seed++) {
    const stopped = await lanczosUntil(matrix, seed, isWithin);
    settings.push({ setting: isWithin(stopped) ? stopped.products : null, value: stopped.value });
  }
  return { settings };
}

const setting = values.setting === undefined ? undefined : Number(values.setting);
const answer = setting === undefined ? firstWithin(Number(values.truth), Number(values.tolerance)) : measured(setting);
console.log(JSON.stringify(await answer));
process.exit(0);
