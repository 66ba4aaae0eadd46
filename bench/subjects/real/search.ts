/** Searches for lambda_max of a setting's searched rows until its own error bound is within a tolerance; see `real/search.ts`. */

import { adapterCurvature, lanczos } from 'lambdamax/analysis';
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

const { searched, batchSize } = await ownSetting();
const model = await ownModel();
const adapter = await ownAdapter(model);
const curvature = await adapterCurvature(model, adapter, tokenRows(searched), { batchSize });
const setupMilliseconds = sinceStart();
const trace: object[] = [];
const at = (value: number, products: number) => ({
  value,
  products,
  milliseconds: sinceStart(),
  cpuMilliseconds: cpuMilliseconds(),
});
const { tolerance } = task;
const found = await lanczos(curvature, {
  ...{ ends: 'largest', seed: 0, tolerance, maxSteps: 100 },
  onStep: ({ products, lambdaMax }) => trace.push(at(lambdaMax.value, products)),
});
report({
  loss: curvature.loss,
  setupMilliseconds,
  trace,
  ended: at(found.lambdaMax!.value, found.products),
  outcome: found.outcome,
  peakMegabytes: peakMegabytes(),
});
