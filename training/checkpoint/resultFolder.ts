import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { LambdamaxError } from '../../errors.ts';
import { fileFault, makeFolder } from './files.ts';
import { lockFolder } from './folderLock.ts';

/** Which of a folder's files and folders are results of one kind, and what may become of those that are there. */
export interface ResultFolderOptions {
  /** Whether a file or folder of this name is a result; nothing else in the folder is touched. */
  readonly isResult: (name: string) => boolean;
  /** Whether results that are there may be replaced once new ones are good. Default false. */
  readonly overwrite?: boolean;
}

/** Where new results are written while older ones lie in the folder. */
export const unfinishedName = 'unfinished';
/** Finished results that are about to take the places of older ones, and those older ones. */
const [incoming, outgoing] = ['.incoming', '.outgoing'] as const;

/**
 * Throws a LambdamaxError for a folder with results that may not be replaced. To be called before long work, lest it be in
 * vain; `inResultFolder` does so too.
 */
export async function requireNoResults(
  folder: string,
  { isResult, overwrite = false }: ResultFolderOptions,
): Promise<void> {
  const found = overwrite ? undefined : (await namesIn(folder)).find(isResult);
  if (found === undefined) return;
  throw new LambdamaxError({
    subject: folder,
    expected: 'a folder without results of another run',
    got: found,
    remedy: 'take another folder, or have them replaced by `overwrite`',
  });
}

/**
 * Writes results into a folder that is held against other processes meanwhile. `write` is given the place to write in,
 * `unfinished` in the folder; if it says that they are good, they take the places of older results, which are there until
 * then. What an earlier attempt left in `unfinished` is removed first, unless this one `goesOn` with it. With `inPlace`
 * results go straight into a folder that holds none, and stay if `write` throws; otherwise nothing is left then.
 *
 * Throws a LambdamaxError for a folder that another process writes in, that holds results which may not be replaced, or that
 * cannot be written, and what `write` throws.
 */
export async function inResultFolder<Result>(
  folder: string,
  {
    inPlace = false,
    goesOn = false,
    ...options
  }: ResultFolderOptions & { readonly inPlace?: boolean; readonly goesOn?: boolean },
  write: (place: string) => Promise<{ readonly result: Result; readonly isGood: boolean }>,
): Promise<Result> {
  await makeFolder(folder, 'a folder to write results in');
  const lock = await lockFolder(folder);
  try {
    await endSwap(folder);
    await requireNoResults(folder, options);
    if (inPlace && !(await namesIn(folder)).some(options.isResult)) return (await write(folder)).result;
    const place = join(folder, unfinishedName);
    if (!goesOn) await rm(place, { recursive: true, force: true });
    await makeFolder(place);
    const { result, isGood } = await write(place).catch(async (cause: unknown) => {
      if (!inPlace) await rm(place, { recursive: true, force: true });
      throw cause;
    });
    if (isGood) await swap(folder, options.isResult);
    return result;
  } catch (cause) {
    throw cause instanceof Error && 'code' in cause ? fileFault(folder, 'a writable folder', cause) : cause;
  } finally {
    await lock.release();
  }
}

/** Puts the finished results into the places of older ones. A swap that is cut off anywhere is ended by `endSwap`. */
async function swap(folder: string, isResult: (name: string) => boolean): Promise<void> {
  const [from, old] = [join(folder, unfinishedName), join(folder, outgoing)];
  const names = new Set(await namesIn(from));
  await mkdir(old, { recursive: true });
  for (const name of await namesIn(folder))
    if (isResult(name) && !names.has(name)) await rename(join(folder, name), join(old, name));
  // From here on the new results count.
  await rename(from, join(folder, incoming));
  await endSwap(folder);
}

/** Ends a swap after its turning point, and takes one back that did not get so far. */
async function endSwap(folder: string): Promise<void> {
  const [from, old] = [join(folder, incoming), join(folder, outgoing)];
  if (existsSync(from)) {
    for (const name of await namesIn(from)) {
      if (existsSync(join(folder, name))) {
        await rm(join(old, name), { recursive: true, force: true });
        await rename(join(folder, name), join(old, name));
      }
      await rename(join(from, name), join(folder, name));
    }
    await rmdir(from);
  } else {
    for (const name of await namesIn(old)) await rename(join(old, name), join(folder, name));
  }
  await rm(old, { recursive: true, force: true });
}

/** Names of the files and folders in a folder, sorted; none where there is no folder. */
async function namesIn(folder: string): Promise<string[]> {
  return (await readdir(folder).catch(() => [])).sort();
}
