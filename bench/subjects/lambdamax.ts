/** Measures one quantity of a problem with lambdamax; the protocol stands in `subject.ts`. */

import { writeFile } from 'node:fs/promises';
import { backendNamed, gemmGflops, type Precision, type Vector } from 'lambdamax/compute';
import { readProblem } from '../problem.ts';
import type { Quantity } from '../subject.ts';
import { subjectArguments } from './arguments.ts';

const values = subjectArguments();
const backend = backendNamed(values.backend as 'onnx');
const precision = values.precision as Precision;
const threads = Number(values.threads);
const quantity = values.quantity as Quantity;

/** What a quantity yields each time. */
interface Outcome {
  readonly value?: number;
  readonly vector?: Vector;
}

/** Reads the problem, and prepares what is not to be timed. */
async function prepare(): Promise<() => Promise<Outcome>> {
  const { program, point, batch, direction } = await readProblem(values.problem!, { backend, precision, threads });
  switch (quantity) {
    case 'forward':
      return async () => ({ value: await program.value(point, batch) });
    case 'gradient':
      return async () => {
        const { value, gradient } = await program.gradient(point, batch);
        return { value, vector: gradient };
      };
    case 'product':
      return async () => ({ vector: await program.hessianVector(point, batch, direction) });
    case 'product linearised': {
      const linearised = await program.linearise(point, batch);
      return async () => ({ value: linearised.value, vector: await linearised.apply(direction) });
    }
    case 'step':
      throw new Error('measured by train.ts');
    case 'lambdaMax':
      throw new Error('measured by eigenvalue.ts');
    case 'gemm':
      throw new Error('measured without a problem');
  }
}

async function timed(): Promise<object> {
  const started = performance.now();
  const run = await prepare();
  const { value = null, vector } = await run();
  const setupMilliseconds = performance.now() - started;
  if (vector !== undefined) await writeFile(values.result!, vector);
  const [milliseconds, cpuMilliseconds]: [number[], number[]] = [[], []];
  const end = performance.now() + 1000 * Number(values.seconds);
  do {
    const [began, cpuBegan] = [performance.now(), process.cpuUsage()];
    await run();
    milliseconds.push(performance.now() - began);
    const { user, system } = process.cpuUsage(cpuBegan);
    cpuMilliseconds.push((user + system) / 1000);
  } while (milliseconds.length < Number(values.repeats) && performance.now() < end);
  return { loss: value, setupMilliseconds, milliseconds, cpuMilliseconds };
}

async function gemm(): Promise<object> {
  const started = performance.now();
  const gflops = await gemmGflops(backend, threads);
  const milliseconds = [performance.now() - started];
  return { loss: null, setupMilliseconds: 0, milliseconds, cpuMilliseconds: milliseconds, gflops };
}

const measured = quantity === 'gemm' ? await gemm() : await timed();
// maxRSS is in kilobytes of 1,024 bytes.
console.log(JSON.stringify({ ...measured, peakMegabytes: (process.resourceUsage().maxRSS * 1024) / 1e6 }));
process.exit(0);
