import { existsSync } from 'node:fs';
import { mkdir, readFile, symlink } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import type { ListFileEntry } from '@huggingface/hub';
import { LambdamaxError } from '../../errors.ts';
import { besideWeights, chatTemplateFolder, otherWeights, saveAgain } from '../checkpoint/checkpoint.ts';
import { copyFileWhole, fileFault, makeFolder, readJson, writeFileWhole } from '../checkpoint/files.ts';
import { causeOf, download, type RemoteFile } from './download.ts';
import { type HubEnvironment, type HubToken, hubCacheFolder, hubToken, isOffline } from './environment.ts';
import { proxiedFetch } from './proxy.ts';

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
  const token = await hubToken(environment);
  const hubUrl = (environment.HF_ENDPOINT || 'https://huggingface.co').replace(/\/+$/, '');
  const hub: Hub = {
    name,
    repo,
    hubUrl,
    fetch: authorisedFetch(proxiedFetch(environment), hubUrl, token),
    ...(token && { tokenSource: token.source }),
  };
  const cache = join(hubCacheFolder(environment), `models--${repo.replace('/', '--')}`);
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
  return fetchSnapshot(hub, cache, revision, listing, options);
}

/** A model on a hub, and how to reach it. */
interface Hub {
  /** The model's name, as the user typed it. */
  readonly name: string;
  readonly repo: string;
  readonly hubUrl: string;
  /** Where the token is from. */
  readonly tokenSource?: string;
  /** It authorises the requests; the client library is given no token, which it would send wherever a link leads. */
  readonly fetch: typeof fetch;
}

/**
 * `fetch` that sends a token to the hub's own scheme, host and port, and nowhere else: neither to the address of a next page, nor
 * behind a redirect, where `fetch` itself takes it away for good once another address comes between.
 */
function authorisedFetch(plain: typeof fetch, hubUrl: string, token: HubToken | null): typeof fetch {
  return (input, init) => {
    const request = new Request(input, init);
    if (token !== null && new URL(request.url).origin === new URL(hubUrl).origin)
      request.headers.set('Authorization', `Bearer ${token.value}`);
    return plain(request);
  };
}

/** The files at the top of a model's repository and its further chat templates, at one commit. */
interface Listing {
  readonly commit: string;
  readonly files: ReadonlyMap<string, ListFileEntry>;
}

async function listFilesOf(hub: Hub, revision: string): Promise<Listing> {
  const { listFiles, modelInfo } = await import('@huggingface/hub');
  const { sha } = await modelInfo({ ...hub, name: hub.repo, revision, additionalFields: ['sha'] });
  if (!/^[0-9a-f]{40}$/.test(sha)) throw new Error(`a commit called ${sha}`);
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
  cache: string,
  revision: string,
  { commit, files }: Listing,
  { onProgress }: DownloadOptions,
): Promise<string> {
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
      await fetchFile(hub, cache, commit, entry, (bytes) => onProgress?.(before + bytes, total));
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

/** Brings one file into the cache: its contents under their hash, and a link to them under its name. */
async function fetchFile(
  hub: Hub,
  cache: string,
  commit: string,
  { path, size, oid, lfs }: ListFileEntry,
  onBytes: (bytes: number) => void,
): Promise<void> {
  const hash = lfs ? ({ kind: 'sha256', value: lfs.oid } as const) : ({ kind: 'git', value: oid ?? '' } as const);
  const subject = `${path} of ${hub.name}`;
  if (!/^[0-9a-f]{40,64}$/.test(hash.value)) throw new LambdamaxError({ subject, expected: 'a hash', got: hash.value });
  const blob = join(cache, 'blobs', hash.value);
  const link = join(cache, 'snapshots', commit, path);
  await makeFolder(dirname(blob));
  await makeFolder(dirname(link));
  if (!existsSync(blob)) await download(remoteFile(hub, commit, path, size, hash), blob, onBytes);
  try {
    await symlink(relative(dirname(link), blob), link).catch(async (error: NodeJS.ErrnoException) => {
      // Some systems let no ordinary user make links.
      if (error.code !== 'EEXIST') await copyFileWhole(blob, link);
    });
  } catch (cause) {
    throw fileFault(link, 'a writable file', cause);
  }
}

function remoteFile(hub: Hub, commit: string, path: string, size: number, hash: RemoteFile['hash']): RemoteFile {
  return {
    name: `${path} of ${hub.name} on ${hub.hubUrl}`,
    size,
    hash,
    async *read(start) {
      const { downloadFile } = await import('@huggingface/hub');
      // Plain HTTP: ranges of it are what a broken download goes on with.
      const blob = await downloadFile({ ...hub, revision: commit, path, xet: false });
      if (blob === null) throw new Error('no such file');
      yield* blob.slice(start, size).stream() as unknown as AsyncIterable<Uint8Array>;
    },
  };
}

/** The folder of a revision that was downloaded before, or null. */
async function cachedSnapshot(cache: string, revision: string): Promise<string | null> {
  const ref = await readFile(join(cache, 'refs', revision), 'utf8').catch(() => revision);
  const snapshot = join(cache, 'snapshots', ref.trim());
  const isThere = (file: string): boolean => existsSync(join(snapshot, file));
  return isThere('config.json') && (isThere(single) || isThere(index)) ? snapshot : null;
}

async function remember(file: string, commit: string): Promise<void> {
  try {
    await mkdir(dirname(file), { recursive: true });
    await writeFileWhole(file, commit);
  } catch (cause) {
    throw fileFault(file, 'a writable file', cause);
  }
}

function refusal({ name, repo, hubUrl, tokenSource }: Hub, cause: unknown): LambdamaxError {
  const status = (cause as { statusCode?: number }).statusCode;
  const remedies: Readonly<Record<number, string>> = {
    401: tokenSource
      ? `the token of ${tokenSource} is not valid`
      : 'is the name right? private models need HF_TOKEN, or hf auth login',
    403: `${tokenSource ?? 'HF_TOKEN'} must belong to someone who may read it; ask for access on its page`,
    404: 'is the name right?',
  };
  const offline = 'download it elsewhere and give the folder, or set HF_ENDPOINT to a mirror';
  return new LambdamaxError({
    subject: name,
    expected: `the model ${repo} on ${hubUrl}`,
    got: status === undefined ? `no answer (${causeOf(cause)})` : `status ${status}, ${causeOf(cause)}`,
    remedy: status === undefined ? offline : (remedies[status] ?? 'try again later'),
    cause,
  });
}
