import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isUnfinishedFile } from '../../training/checkpoint/wholeFile.ts';
import { entries } from './files.ts';
import { checkpointName, runFolder, runKeysIn } from './runFolders.ts';

/** What a killed process leaves behind: files that are not whole, and drafts of a lock. */
const isLeftover = (name: string): boolean => isUnfinishedFile(name) || name.startsWith('.lock.');

/** Removes what killed processes have left in a study's folder. What a run goes on from stays until the run is done. */
export async function removeLeftovers(folder: string): Promise<void> {
  const runs = (await runKeysIn(folder)).map((key) => runFolder(folder, key));
  for (const inner of [folder, join(folder, 'spectra'), join(folder, 'predictors'), ...runs])
    for (const name of await entries(inner)) if (isLeftover(name)) await rm(join(inner, name), { force: true });
  for (const run of runs)
    if (existsSync(join(run, 'result.json'))) await rm(join(run, checkpointName), { force: true });
}
