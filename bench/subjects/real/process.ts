/** What our subjects of the bench `real` share: the command line, the clock and the report; see `real/measure.ts`. */

import { writeSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Adapter, loadAdapter, loadModel, type Model } from 'lambdamax/training';
import { readSetting, type SettingFile } from '../../real/setting.ts';

const text = { type: 'string' } as const;
const { values } = parseArgs({
  options: {
    mode: text,
    setting: text,
    model: text,
    threads: text,
    repeats: text,
    kept: text,
    began: text,
    result: text,
    tolerance: text,
  },
});
process.env.LAMBDAMAX_CACHE = values.kept!;

/** What the process was asked for. */
export const task = {
  mode: values.mode!,
  setting: values.setting!,
  threads: Number(values.threads),
  repeats: Number(values.repeats),
  /** The file that gets a product. */
  result: values.result!,
  tolerance: Number(values.tolerance),
};

/** Milliseconds since the process was started. */
export function sinceStart(): number {
  return Date.now() - Number(values.began);
}

/** Milliseconds that all threads together have computed in so far. */
export function cpuMilliseconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** The most memory that was resident so far. */
export function peakMegabytes(): number {
  // maxRSS is in kilobytes of 1,024 bytes.
  return (process.resourceUsage().maxRSS * 1024) / 1e6;
}

/** The setting's file. */
export function ownSetting(): Promise<SettingFile> {
  return readSetting(task.setting);
}

/** The checkpoint. */
export function ownModel(): Promise<Model> {
  return loadModel(values.model!, { threads: task.threads });
}

/** The setting's adapter. */
export function ownAdapter(model: Model): Promise<Adapter> {
  return loadAdapter(model, join(task.setting, 'adapter'));
}

/** Milliseconds of the action, and what all threads computed in meanwhile: once for the first result, then `repeats` times. */
export async function repeated<T>(action: () => Promise<T>) {
  const setupMilliseconds = sinceStart();
  const first = await action();
  const firstMilliseconds = sinceStart();
  const [milliseconds, cpu]: [number[], number[]] = [[], []];
  for (let run = 0; run < task.repeats; run++) {
    const [began, cpuBegan] = [performance.now(), cpuMilliseconds()];
    await action();
    milliseconds.push(performance.now() - began);
    cpu.push(cpuMilliseconds() - cpuBegan);
  }
  return { first, times: { setupMilliseconds, firstMilliseconds, milliseconds, cpuMilliseconds: cpu } };
}

/** Says what was found, and ends the process: nothing that comes after belongs to what is measured. */
export function report(found: object): never {
  writeSync(1, `${JSON.stringify(found)}\n`);
  process.exit(0);
}
