import { existsSync } from 'node:fs';
import { extname, resolve } from 'node:path';
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
    throw new LambdamaxError({ subject, expected: 'a file that can be loaded', got, cause });
  }
}

async function load(path: string): Promise<UserModule> {
  const contentHash = await moduleContent(path);
  if (/\.[cm]?ts$/.test(path)) await readTypeScript();
  const module = (await import(pathToFileURL(path).href)) as { readonly default?: Record<string, unknown> };
  return { exported: module.default ?? {}, contentHash };
}

let loader: Promise<void> | undefined;

/**
 * Makes this thread load TypeScript, on every version of Node in the same way. A clone's own sources have seen to it already. Not in a
 * namespace of its own: `lambdamax/training` in the user's file is to be the library that runs, and not a second copy.
 */
function readTypeScript(): Promise<void> {
  loader ??= isSource ? Promise.resolve() : register();
  return loader;
}

const isSource = extname(import.meta.url) === '.ts';

async function register(): Promise<void> {
  // A file is CommonJS where no package.json says otherwise.
  const [cjs, esm] = await Promise.all([import('tsx/cjs/api'), import('tsx/esm/api')]);
  cjs.register();
  esm.register();
}
