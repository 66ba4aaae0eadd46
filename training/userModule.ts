import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { LambdamaxError } from '../errors.ts';

/**
 * The default export of a file of the user's own, in TypeScript or JavaScript; `{}` if it has none. Throws a LambdamaxError that
 * names what asked for it (`subject`) if there is no such file, or if it cannot be loaded.
 */
export async function importDefault(file: string, subject: string): Promise<Readonly<Record<string, unknown>>> {
  const path = resolve(file);
  if (!existsSync(path)) throw new LambdamaxError({ subject, expected: 'a file', got: 'no such file' });
  try {
    const module = (await import(pathToFileURL(path).href)) as { readonly default?: Record<string, unknown> };
    return module.default ?? {};
  } catch (cause) {
    const [got] = (cause as Error).message.split('\n');
    const isTypeScript = (cause as NodeJS.ErrnoException).code === 'ERR_UNKNOWN_FILE_EXTENSION';
    const expected = isTypeScript ? 'JavaScript, or Node 22.18 or newer' : 'a file that can be loaded';
    throw new LambdamaxError({ subject, expected, got, cause });
  }
}
