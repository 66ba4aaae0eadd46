import { homedir } from 'node:os';
import { join } from 'node:path';

/** What an environment variable may hold. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A folder for what can be made anew, in the place where a user's programs keep such things (XDG Base Directory). */
export function cacheFolder(name: string, environment: Environment = process.env): string {
  return join(environment.XDG_CACHE_HOME || join(homedir(), '.cache'), 'lambdamax', name);
}
