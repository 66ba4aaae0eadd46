/** Makes the start of one method, on all linear layers, and takes the loss there: that of the base, which all of them keep. */

import { createAdapter, evaluate } from 'lambdamax/training';
import { tokenRows } from '../../real/setting.ts';
import { cpuMilliseconds, ownModel, ownSetting, peakMegabytes, report, sinceStart, task } from './process.ts';

const { rows: settingRows, batchSize } = await ownSetting();
const rows = tokenRows(settingRows).slice(0, batchSize);
const model = await ownModel();
const setupMilliseconds = sinceStart();
const [began, cpuBegan] = [performance.now(), cpuMilliseconds()];
// PEFT's LoRA-GA, not the paper's: what is compared must be the same.
const method = task.mode === 'lora-ga' ? 'lora-ga-peft' : task.mode;
const adapter = await createAdapter(model, { method, rank: 8, alpha: 16, rows });
const found = {
  setupMilliseconds,
  firstMilliseconds: sinceStart(),
  milliseconds: [performance.now() - began],
  cpuMilliseconds: [cpuMilliseconds() - cpuBegan],
  peakMegabytes: peakMegabytes(),
};
const { loss } = await evaluate(model, rows, { adapter, batchSize });
report({ losses: [loss], ...found });
