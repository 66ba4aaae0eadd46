/** Training steps of a setting, AdamW on LoRA, in the loop that users have. */

import { finetune } from 'lambdamax/training';
import { tokenRows } from '../../real/setting.ts';
import {
  cpuMilliseconds,
  ownAdapter,
  ownModel,
  ownSetting,
  peakMegabytes,
  report,
  sinceStart,
  task,
} from './process.ts';

// As in peers/real/step.py.
const learningRate = 2e-4;

const { rows, batchSize } = await ownSetting();
const model = await ownModel();
const adapter = await ownAdapter(model);
const batches = rows.length / batchSize;
const setupMilliseconds = sinceStart();

const losses: number[] = [];
const [milliseconds, cpu]: [number[], number[]] = [[], []];
let firstMilliseconds = 0;
let [began, cpuBegan] = [0, 0];
await finetune(model, adapter, tokenRows(rows), {
  optimizer: 'adamw',
  learningRate,
  schedule: 'constant',
  warmupSteps: 0,
  // One more, so that the loop does not score what it has trained, which the others do not do.
  steps: batches * (1 + task.repeats) + 1,
  batchSize,
  seed: 0,
  shuffle: false,
  // A pass through all batches is measured at a time, and the first is not timed: it compiles for each length.
  onStep: ({ step, loss }) => {
    if (step === 1) firstMilliseconds = sinceStart();
    if (step <= batches) losses.push(loss);
    if (step % batches !== 0) return;
    if (step > batches) {
      milliseconds.push((performance.now() - began) / batches);
      cpu.push((cpuMilliseconds() - cpuBegan) / batches);
    }
    const times = { setupMilliseconds, firstMilliseconds, milliseconds, cpuMilliseconds: cpu };
    if (milliseconds.length === task.repeats) report({ losses, ...times, peakMegabytes: peakMegabytes() });
    [began, cpuBegan] = [performance.now(), cpuMilliseconds()];
  },
});
