import { existsSync } from 'node:fs';
import { mkdir, symlink } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import type { ListFileEntry } from '@huggingface/hub';
import { LambdamaxError } from '../../errors.ts';
import { copyFileWhole, fileFault, makeFolder, writeFileWhole } from '../checkpoint/files.ts';
import { causeOf, download, type RemoteFile } from './download.ts';
import { type HubEnvironment, type HubToken, hubCacheFolder, hubToken } from './environment.ts';
import { proxiedFetch } from './proxy.ts';

/** What a repository holds. */
export type HubKind = 'model' | 'dataset';

/** A repository on a hub, and how to reach it. */
export interface Hub {
  /** Its name, as the user typed it. */
  readonly name: string;
  readonly kind: HubKind;
  /** `org/name`, with its kind as the client library wants it. */
  readonly repo: { readonly type: HubKind; readonly name: string };
  readonly hubUrl: string;
  /** Where Hugging Face's own programs keep its files. */
  readonly cache: string;
  /** Where the token is from. */
  readonly tokenSource?: string;
  /** It authorises the requests; the client library is given no token, which it would send wherever a link leads. */
  readonly fetch: typeof fetch;
}

/** A repository on the hub that the environment names; nothing is asked of it yet. */
export async function openHub(name: string, kind: HubKind, repo: string, environment: HubEnvironment): Promise<Hub> {
  const token = await hubToken(environment);
  const hubUrl = (environment.HF_ENDPOINT || 'https://huggingface.co').replace(/\/+$/, '');
  return {
    ...{ name, kind, hubUrl, repo: { type: kind, name: repo } },
    cache: join(hubCacheFolder(environment), `${kind}s--${repo.replace('/', '--')}`),
    fetch: authorisedFetch(proxiedFetch(environment), hubUrl, token),
    ...(token && { tokenSource: token.source }),
  };
}

/** The commit that a branch, tag or commit is. Throws what the hub answers. */
export async function commitOf({ repo, hubUrl, fetch }: Hub, revision: string): Promise<string> {
  const { datasetInfo, modelInfo } = await import('@huggingface/hub');
  const asked = { hubUrl, fetch, name: repo.name, revision, additionalFields: ['sha' as const] };
  const { sha } = await (repo.type === 'model' ? modelInfo(asked) : datasetInfo(asked));
  if (!/^[0-9a-f]{40}$/.test(sha)) throw new Error(`a commit called ${sha}`);
  return sha;
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

/** Brings one file into the cache: its contents under their hash, and a link to them under its name. */
export async function fetchFile(
  hub: Hub,
  commit: string,
  { path, size, oid, lfs }: ListFileEntry,
  onBytes: (bytes: number) => void,
): Promise<void> {
  const hash = lfs ? ({ kind: 'sha256', value: lfs.oid } as const) : ({ kind: 'git', value: oid ?? '' } as const);
  const subject = `${path} of ${hub.name}`;
  if (!/^[0-9a-f]{40,64}$/.test(hash.value)) throw new LambdamaxError({ subject, expected: 'a hash', got: hash.value });
  const blob = join(hub.cache, 'blobs', hash.value);
  const link = join(hub.cache, 'snapshots', commit, path);
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

/** Notes which commit a branch or tag was. */
export async function remember(file: string, commit: string): Promise<void> {
  try {
    await mkdir(dirname(file), { recursive: true });
    await writeFileWhole(file, commit);
  } catch (cause) {
    throw fileFault(file, 'a writable file', cause);
  }
}

/** What the hub answers instead of a repository, in our words. */
export function refusal({ name, kind, repo, hubUrl, tokenSource }: Hub, cause: unknown): LambdamaxError {
  const status = (cause as { statusCode?: number }).statusCode;
  const remedies: Readonly<Record<number, string>> = {
    401: tokenSource
      ? `the token of ${tokenSource} is not valid`
      : 'is the name right? private repositories need HF_TOKEN, or hf auth login',
    403: `${tokenSource ?? 'HF_TOKEN'} must belong to someone who may read it; ask for access on its page`,
    404: 'is the name right?',
  };
  const offline = `download it elsewhere and give ${kind === 'model' ? 'the folder' : 'its files'}, or set HF_ENDPOINT to a mirror`;
  return new LambdamaxError({
    subject: name,
    expected: `the ${kind} ${repo.name} on ${hubUrl}`,
    got: status === undefined ? `no answer (${causeOf(cause)})` : `status ${status}, ${causeOf(cause)}`,
    remedy: status === undefined ? offline : (remedies[status] ?? 'try again later'),
    cause,
  });
}
