/** Products of the linearised Hessian of a setting's first batch with its direction. */

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { adapterCurvature } from 'lambdamax/analysis';
import { readBuffer } from '../../problem.ts';
import { tokenRows } from '../../real/setting.ts';
import { ownAdapter, ownModel, ownSetting, peakMegabytes, repeated, report, task } from './process.ts';

const { rows, batchSize } = await ownSetting();
const model = await ownModel();
const adapter = await ownAdapter(model);
const direction = new Float32Array(await readBuffer(join(task.setting, 'direction.f32')));
const curvature = await adapterCurvature(model, adapter, tokenRows(rows.slice(0, batchSize)), { batchSize });
const { first, times } = await repeated(() => curvature.apply(direction));
await writeFile(task.result, Float32Array.from(first));
report({ losses: [curvature.loss], ...times, peakMegabytes: peakMegabytes() });
