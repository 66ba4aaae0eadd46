import { existsSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { entries } from '../folder/files.ts';
import { studyFolders } from '../report.ts';

/** A study by the name that pages call it by. */
export interface ListedStudy {
  readonly name: string;
  readonly folder: string;
}

/**
 * The studies in a folder, by name: each folder in it that has a `study.json`, and those one folder deeper, as the studies of several
 * tasks lie. A folder that is a study itself is the only one.
 */
export async function listStudies(folder: string): Promise<ListedStudy[]> {
  if (isStudy(folder)) return [{ name: basename(resolve(folder)), folder }];
  const names = await entries(folder);
  const found = await Promise.all(
    names.map(async (name) => {
      const inner = (await studyFolders(join(folder, name))).filter(isStudy);
      return inner.map((path) => ({
        name: path === join(folder, name) ? name : `${name}/${basename(path)}`,
        folder: path,
      }));
    }),
  );
  return found.flat();
}

function isStudy(folder: string): boolean {
  return existsSync(join(folder, 'study.json'));
}
