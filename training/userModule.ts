import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { LambdamaxError } from '../errors.ts';
import { moduleContent } from './moduleContent.ts';

/** A module of the user's own, as this process has loaded it. */
export interface UserModule {
  /** Its default export; `{}` if it has none. */
  readonly exported: Readonly<Record<string, unknown>>;
  /** What it is made of, see {@link moduleContent}: results of another content are results of other code. */
  readonly contentHash: string;
}

/** Node loads a file once and keeps it, so that its content is told once as well: an edit meanwhile is not in the code that runs. */
const loaded = new Map<string, Promise<UserModule>>();

/**
 * Loads a file of the user's own, in TypeScript or JavaScript. Throws a LambdamaxError that names what asked for it (`subject`) if
 * there is no such file, or if it cannot be loaded.
 */
export async function importModule(file: string, subject: string): Promise<UserModule> {
  const path = resolve(file);
  if (!existsSync(path)) throw new LambdamaxError({ subject, expected: 'a file', got: 'no such file' });
  try {
    const known = loaded.get(path) ?? load(path);
    loaded.set(path, known);
    return await known;
  } catch (cause) {
    loaded.delete(path);
    const [got] = (cause as Error).message.split('\n');
    const isTypeScript = (cause as NodeJS.ErrnoException).code === 'ERR_UNKNOWN_FILE_EXTENSION';
    const expected = isTypeScript ? 'JavaScript, or Node 22.18 or newer' : 'a file that can be loaded';
    throw new LambdamaxError({ subject, expected, got, cause });
  }
}

async function load(path: string): Promise<UserModule> {
  const contentHash = await moduleContent(path);
  const module = (await import(pathToFileURL(path).href)) as { readonly default?: Record<string, unknown> };
  return { exported: module.default ?? {}, contentHash };
}
