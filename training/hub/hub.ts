import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ListFileEntry } from '@huggingface/hub';
import { LambdamaxError } from '../../errors.ts';
import { besideWeights, chatTemplateFolder, otherWeights, saveAgain } from '../checkpoint/checkpoint.ts';
import { readJson } from '../checkpoint/files.ts';
import { causeOf } from './download.ts';
import { type HubEnvironment, isOffline } from './environment.ts';
import { commitOf, fetchFile, type Hub, openHub, refusal, remember } from './repository.ts';

/** How a model is fetched. */
export interface DownloadOptions {
  /** Bytes that are there so far, of all; called often. */
  readonly onProgress?: (received: number, total: number) => void;
  /** Something that the user should know, in a sentence. */
  readonly onNotice?: (sentence: string) => void;
  /** Where the hub, its cache, a token and a proxy are, by the variables of huggingface_hub; default `process.env`. */
  readonly environment?: HubEnvironment;
}

/** `org/name`, and a branch, tag or commit if need be: `org/name@main`. */
const hubName = /^([\w.-]+\/[\w.-]+)(?:@([\w./-]+))?$/;

/** Whether a text has the form of a model's name on the hub. */
export function isHubName(text: string): boolean {
  return hubName.test(text) && !/^\.{0,2}\/|\.\./.test(text);
}

/**
 * The folder of a model on the Hugging Face hub, in the cache that Hugging Face's own programs use; files that are not
 * there yet are downloaded, with what an interrupted download left as a start. Without a network the cache alone must do.
 * Throws a LambdamaxError that names the model and says what the hub answered.
 */
export async function downloadModel(name: string, options: DownloadOptions = {}): Promise<string> {
  const [, repo, revision = 'main'] = hubName.exec(name) ?? [];
  if (repo === undefined || !isHubName(name))
    throw new LambdamaxError({ subject: name, expected: "a model's name on the hub, org/name or org/name@revision" });
  const environment = options.environment ?? process.env;
  const hub = await openHub(name, 'model', repo, environment);
  const { cache } = hub;
  const mustStayOffline = isOffline(environment);
  let listing: Listing;
  try {
    if (mustStayOffline) throw new Error('HF_HUB_OFFLINE is set');
    listing = await listFilesOf(hub, revision);
  } catch (cause) {
    const cached = await cachedSnapshot(cache, revision);
    if (cached === null || (cause as { statusCode?: number }).statusCode !== undefined) throw refusal(hub, cause);
    if (!mustStayOffline)
      options.onNotice?.(`${hub.hubUrl} does not answer (${causeOf(cause)}): ${name} as it is in the cache`);
    return cached;
  }
  return fetchSnapshot(hub, revision, listing, options);
}

/** The files at the top of a model's repository and its further chat templates, at one commit. */
interface Listing {
  readonly commit: string;
  readonly files: ReadonlyMap<string, ListFileEntry>;
}

async function listFilesOf(hub: Hub, revision: string): Promise<Listing> {
  const { listFiles } = await import('@huggingface/hub');
  const sha = await commitOf(hub, revision);
  const files = new Map<string, ListFileEntry>();
  let hasTemplates = false;
  for await (const entry of listFiles({ ...hub, revision: sha })) {
    if (entry.type === 'file' && /^\w[\w.-]*$/.test(entry.path)) files.set(entry.path, entry);
    hasTemplates ||= entry.type === 'directory' && entry.path === chatTemplateFolder;
  }
  if (hasTemplates)
    for await (const entry of listFiles({ ...hub, revision: sha, path: chatTemplateFolder }))
      if (isTemplate(entry.path)) files.set(entry.path, entry);
  return { commit: sha, files };
}

/** Whether a path is one of a further chat template. */
function isTemplate(path: string): boolean {
  const [folder, name, ...rest] = path.split('/');
  return folder === chatTemplateFolder && rest.length === 0 && /^\w[\w.-]*\.jinja$/.test(name ?? '');
}

/** What is looked at beside the weights, where a model has it. */
const smallFiles: readonly string[] = ['config.json', ...besideWeights];
const single = 'model.safetensors';
const index = 'model.safetensors.index.json';

async function fetchSnapshot(
  hub: Hub,
  revision: string,
  { commit, files }: Listing,
  { onProgress }: DownloadOptions,
): Promise<string> {
  const { cache } = hub;
  const snapshot = join(cache, 'snapshots', commit);
  const weights = files.has(single) ? single : index;
  for (const file of ['config.json', weights])
    if (!files.has(file)) {
      const subject = `${hub.name} on ${hub.hubUrl}`;
      if (file !== index) throw new LambdamaxError({ subject, expected: file, got: 'no such file' });
      const got = otherWeights([...files.keys()]) ?? 'no such file';
      const expected = `weights in ${single} or ${index}`;
      throw new LambdamaxError({ subject, expected, got, remedy: saveAgain(hub.name) });
    }
  const fetchAll = async (names: readonly string[]): Promise<void> => {
    const wanted = names.map((file) => files.get(file)!).filter(({ path }) => !existsSync(join(snapshot, path)));
    const total = wanted.reduce((sum, { size }) => sum + size, 0);
    let before = 0;
    for (const entry of wanted) {
      await fetchFile(hub, commit, entry, (bytes) => onProgress?.(before + bytes, total));
      before += entry.size;
    }
  };
  const first = [...smallFiles.filter((file) => files.has(file)), ...[...files.keys()].filter(isTemplate)];
  if (weights === single) await fetchAll([...first, single]);
  else {
    await fetchAll([...first, index]);
    await fetchAll(await shardsOf(join(snapshot, index), files));
  }
  if (revision !== commit) await remember(join(cache, 'refs', revision), commit);
  return snapshot;
}

/** The shards that an index names. Throws a LambdamaxError for one that the repository does not have. */
async function shardsOf(file: string, files: ReadonlyMap<string, ListFileEntry>): Promise<string[]> {
  const { weight_map: map } = ((await readJson(file)) ?? {}) as { weight_map?: unknown };
  const shards = [...new Set(Object.values(map ?? {}))].map(String).sort();
  const missing = shards.find((shard) => !files.has(shard));
  if (missing !== undefined)
    throw new LambdamaxError({ subject: file, expected: 'shards that the model has', got: missing });
  return shards;
}

/** The folder of a revision that was downloaded before, or null. */
async function cachedSnapshot(cache: string, revision: string): Promise<string | null> {
  const ref = await readFile(join(cache, 'refs', revision), 'utf8').catch(() => revision);
  const snapshot = join(cache, 'snapshots', ref.trim());
  const isThere = (file: string): boolean => existsSync(join(snapshot, file));
  return isThere('config.json') && (isThere(single) || isThere(index)) ? snapshot : null;
}
