/** Measures training steps of a problem with lambdamax, in the loop that users have; the protocol stands in `subject.ts`. */

import { writeFileSync, writeSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { backendNamed, type Precision } from 'lambdamax/compute';
import { finetune, loadAdapter, loadModel } from 'lambdamax/training';
import { readBuffer } from '../problem.ts';
import { subjectArguments } from './arguments.ts';

// As in peers/torch_train.py: AdamW at this rate, and the parameters after so many steps are the result.
const [learningRate, untimed] = [1e-3, 3];

const values = subjectArguments();
const problem = values.problem!;
const repeats = Number(values.repeats);

const started = performance.now();
const { rows: count, length } = JSON.parse(await readFile(join(problem, 'parameters.json'), 'utf8'));
const tokens = new Int32Array(await readBuffer(join(problem, 'tokens.i32')));
const rows = Array.from({ length: count }, (_, row) => {
  const inputIds = tokens.slice(row * (length + 1), row * (length + 1) + length);
  return { inputIds, labels: inputIds };
});
const model = await loadModel(problem, {
  backend: backendNamed(values.backend as 'onnx'),
  precision: values.precision as Precision,
  threads: Number(values.threads),
});
const adapter = await loadAdapter(model, join(problem, 'adapter'));

let [setupMilliseconds, loss, end] = [0, 0, 0];
let [ended, cpuEnded] = [0, process.cpuUsage()];
const [milliseconds, cpuMilliseconds]: [number[], number[]] = [[], []];
await finetune(model, adapter, rows, {
  optimizer: 'adamw',
  learningRate,
  schedule: 'constant',
  warmupSteps: 0,
  steps: untimed + repeats,
  batchSize: count,
  seed: 0,
  shuffle: false,
  onStep: ({ step, loss: stepLoss }) => {
    const now = performance.now();
    if (step === 1) setupMilliseconds = now - started;
    if (step === untimed) {
      loss = stepLoss;
      writeFileSync(values.result!, adapter.parameters);
      end = now + 1000 * Number(values.seconds);
    }
    if (step > untimed) {
      const { user, system } = process.cpuUsage(cpuEnded);
      milliseconds.push(now - ended);
      cpuMilliseconds.push((user + system) / 1000);
      if (milliseconds.length >= repeats || now > end) report();
    }
    [ended, cpuEnded] = [performance.now(), process.cpuUsage()];
  },
});

/** Ends the process before the loop scores what it has trained, which the others do not do. */
function report(): never {
  // maxRSS is in kilobytes of 1,024 bytes.
  const peakMegabytes = (process.resourceUsage().maxRSS * 1024) / 1e6;
  writeSync(1, `${JSON.stringify({ loss, setupMilliseconds, milliseconds, cpuMilliseconds, peakMegabytes })}\n`);
  process.exit(0);
}
