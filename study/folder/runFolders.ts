import { join } from 'node:path';
import { entries } from './files.ts';

/** What an interrupted run goes on from, in its folder. */
export const checkpointName = 'checkpoint.safetensors';

/** Where a run's files lie. */
export function runFolder(folder: string, key: string): string {
  return join(folder, 'runs', key);
}

/** The keys of all runs that a study's folder has anything of, sorted; what else lies beside them is somebody's own. */
export async function runKeysIn(folder: string): Promise<string[]> {
  return (await entries(join(folder, 'runs'))).filter((name) => /^[0-9a-f]{12}$/.test(name));
}
