import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { ListFileEntry } from '@huggingface/hub';
import { LambdamaxError } from '../../errors.ts';
import { causeOf } from './download.ts';
import { isOffline } from './environment.ts';
import type { DownloadOptions } from './hub.ts';
import { commitOf, fetchFile, type Hub, openHub, refusal, remember } from './repository.ts';

/** `org/name`, a configuration (a folder of the repository), and a branch, tag or commit: `openai/gsm8k:main@v1`. */
const datasetName = /^([\w.-]+\/[\w.-]+)(?::([\w./-]+))?(?:@([\w./-]+))?$/;

/** Files of rows, the likeliest to be whole first. */
const extensions = [/\.parquet$/i, /\.jsonl(\.gz)?$/i, /\.json(\.gz)?$/i];

/** Whether a text has the form of a dataset's name on the hub, and not that of a file of rows. */
export function isDatasetName(text: string): boolean {
  return (
    datasetName.test(text) && !/^\.{0,2}\/|\.\./.test(text) && !extensions.some((extension) => extension.test(text))
  );
}

/**
 * The files of one split of a dataset on the Hugging Face hub, Parquet or JSON, in the cache that Hugging Face's own programs use;
 * those that are not there yet are downloaded. A split is told by the names of its files and folders, as the package `datasets` does.
 * @throws LambdamaxError that names the dataset and says what the hub answered, or which splits and configurations there are.
 */
export async function downloadDataset(name: string, split: string, options: DownloadOptions = {}): Promise<string[]> {
  const [, repo, configuration, revision = 'main'] = datasetName.exec(name) ?? [];
  if (repo === undefined || !isDatasetName(name))
    throw new LambdamaxError({
      subject: name,
      expected: "a dataset's name on the hub, org/name or org/name:configuration",
    });
  const environment = options.environment ?? process.env;
  const hub = await openHub(name, 'dataset', repo, environment);
  const mustStayOffline = isOffline(environment);
  let commit: string;
  let files: Map<string, ListFileEntry>;
  try {
    if (mustStayOffline) throw new Error('HF_HUB_OFFLINE is set');
    commit = await commitOf(hub, revision);
    files = await listed(hub, commit);
  } catch (cause) {
    const cached = await cachedFiles(hub.cache, revision);
    if (cached === null || (cause as { statusCode?: number }).statusCode !== undefined) throw refusal(hub, cause);
    if (!mustStayOffline)
      options.onNotice?.(`${hub.hubUrl} does not answer (${causeOf(cause)}): ${name} as it is in the cache`);
    return filesOfSplit(name, cached.names, split, configuration).map((path) => join(cached.snapshot, path));
  }
  const wanted = filesOfSplit(name, [...files.keys()], split, configuration);
  const snapshot = join(hub.cache, 'snapshots', commit);
  const missing = wanted.filter((path) => !existsSync(join(snapshot, path))).map((path) => files.get(path)!);
  const total = missing.reduce((sum, { size }) => sum + size, 0);
  let before = 0;
  for (const entry of missing) {
    await fetchFile(hub, commit, entry, (bytes) => options.onProgress?.(before + bytes, total));
    before += entry.size;
  }
  if (revision !== commit) await remember(join(hub.cache, 'refs', revision), commit);
  return wanted.map((path) => join(snapshot, path));
}

async function listed(hub: Hub, commit: string): Promise<Map<string, ListFileEntry>> {
  const { listFiles } = await import('@huggingface/hub');
  const files = new Map<string, ListFileEntry>();
  for await (const entry of listFiles({ ...hub, revision: commit, recursive: true }))
    if (entry.type === 'file') files.set(entry.path, entry);
  return files;
}

/** Names come from strangers, and become paths. A file that was left out for its name would be rows that nobody misses. */
function refuseStrangeNames(subject: string, paths: readonly string[]): void {
  const strange = paths.find((path) => !/^[\w][\w. =-]*(\/[\w][\w. =-]*)*$/.test(path));
  if (strange !== undefined)
    throw new LambdamaxError({ subject, expected: 'files with names of letters, digits, ., _, = and -', got: strange });
}

/** A split in parts says in its names how many there are: `train-00000-of-00002.parquet`. */
function refuseMissingParts(subject: string, paths: readonly string[]): void {
  const counts = new Map<string, { readonly parts: number; readonly found: number }>();
  for (const path of paths) {
    const [, before, parts, after] = /^(.*-)\d+-of-(\d+)(.*)$/.exec(path) ?? [];
    if (parts === undefined) continue;
    const key = `${before}*-of-${parts}${after}`;
    const count = counts.get(key) ?? { parts: Number(parts), found: 0 };
    counts.set(key, { ...count, found: count.found + 1 });
  }
  for (const [name, { parts, found }] of counts)
    if (found !== parts)
      throw new LambdamaxError({
        subject,
        expected: `${parts} files ${name}`,
        got: found,
        remedy: 'what an interrupted download left in the cache is completed when the hub can be reached',
      });
}

/** The words by which files name a split: that of `datasets`, and the split itself. */
const synonyms: readonly (readonly string[])[] = [
  ['train', 'training'],
  ['validation', 'valid', 'dev', 'val'],
  ['test', 'testing', 'eval', 'evaluation'],
];

/**
 * The files of a split among those of a repository, in the order of their names: of the best format, and of one folder.
 * @throws LambdamaxError for a split that no file names, and for one that several configurations have.
 */
export function filesOfSplit(
  name: string,
  paths: readonly string[],
  split: string,
  configuration?: string,
): readonly string[] {
  const format = extensions.find((extension) => paths.some((path) => extension.test(path)));
  const rows = paths.filter((path) => format?.test(path)).sort();
  const words = synonyms.find((group) => group.includes(split)) ?? [split];
  const isOf = (path: string, names: readonly string[]): boolean =>
    names.some((word) => new RegExp(`(^|[^a-z0-9])${word.replace(/[^\w]/g, '\\$&')}([^a-z0-9]|$)`, 'i').test(path));
  const named = rows.filter((path) => isOf(path, words));
  const others = [...new Set(synonyms.flatMap((group) => (rows.some((path) => isOf(path, group)) ? [group[0]!] : [])))];
  // Files that name no split at all are what there is to train on.
  const found = named.length === 0 && others.length === 0 && words.includes('train') ? rows : named;
  const folderOf = (path: string): string => {
    const folder = dirname(path);
    return isOf(basename(folder), words) && !isOf(basename(path), words) ? dirname(folder) : folder;
  };
  const own = configuration === undefined ? found : found.filter((path) => folderOf(path) === configuration);
  const folders = [...new Set(found.map(folderOf))];
  const subject = `split ${split} of ${name}`;
  if (own.length === 0) {
    const got =
      configuration !== undefined && folders.length > 0 ? `configurations ${folders.join(', ')}` : others.join(', ');
    throw new LambdamaxError({
      ...{ subject, expected: 'Parquet or JSON files of that split', got: got || 'no such file' },
      ...(others.length > 0 && { remedy: 'say which one with `split`' }),
    });
  }
  if (new Set(own.map(folderOf)).size > 1)
    throw new LambdamaxError({
      subject,
      expected: 'one configuration',
      got: folders.join(', '),
      remedy: `name one, ${name}:${folders[0]}`,
    });
  refuseStrangeNames(subject, own);
  refuseMissingParts(subject, own);
  return own;
}

/** What of a revision was downloaded before, or null. */
async function cachedFiles(cache: string, revision: string): Promise<{ snapshot: string; names: string[] } | null> {
  const ref = await readFile(join(cache, 'refs', revision), 'utf8').catch(() => revision);
  const snapshot = join(cache, 'snapshots', ref.trim());
  const names = await readdir(snapshot, { recursive: true }).catch((): string[] => []);
  return names.length === 0 ? null : { snapshot, names };
}
