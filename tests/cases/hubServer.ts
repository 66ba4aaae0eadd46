import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';

/** What a test hub is to hold, and how it is to misbehave. */
export interface HubOptions {
  readonly repo: string;
  /** Default `models`. */
  readonly kind?: 'models' | 'datasets';
  /** May be changed while it runs. */
  readonly files: Map<string, Uint8Array>;
  /** Whoever asks must send this token. */
  readonly token?: string;
  /** So many bytes of contents are sent, and then the connection breaks; by the number of the request for contents. */
  readonly breaksAfter?: (request: number) => number | undefined;
  /** What is sent in place of the contents. */
  readonly corrupt?: (request: number, bytes: Uint8Array) => Uint8Array;
  /** Headers of its answer to a path besides: with `location` it is a redirect, with `link` names a next page. */
  readonly headersAt?: (path: string) => Readonly<Record<string, string>> | undefined;
  /** With these it speaks HTTPS. */
  readonly tls?: { readonly key: string; readonly cert: string };
}

/** A small Hugging Face hub on this machine: one model or dataset, at one commit. */
export interface HubServer {
  readonly url: string;
  readonly commit: string;
  /** The requests for contents so far: `model.safetensors bytes=10-99`. */
  readonly requests: string[];
  /** Each request's path, and what authorised it or `-`. */
  readonly authorisations: string[];
  close(): Promise<void>;
}

export async function startHub(options: HubOptions): Promise<HubServer> {
  const { repo, files, token, kind = 'models' } = options;
  const commit = '0123456789abcdef0123456789abcdef01234567';
  const requests: string[] = [];
  const authorisations: string[] = [];
  const json = (response: ServerResponse, status: number, value: unknown): unknown => {
    return response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(value));
  };

  const answer = (request: IncomingMessage, response: ServerResponse): unknown => {
    const path = decodeURIComponent(new URL(request.url!, 'http://hub').pathname);
    authorisations.push(`${path} ${request.headers.authorization ?? '-'}`);
    const headers = options.headersAt?.(path) ?? {};
    if (headers.location !== undefined) return response.writeHead(302, headers).end();
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    if (token !== undefined && request.headers.authorization !== `Bearer ${token}`) {
      return json(response, 401, { error: 'Invalid username or password.' });
    }
    if (path === `/api/${kind}/${repo}/revision/main` || path === `/api/${kind}/${repo}/revision/${commit}`) {
      return json(response, 200, { _id: '1', id: repo, private: false, sha: commit, lastModified: '2026-01-01' });
    }
    const tree = `/api/${kind}/${repo}/tree/${commit}`;
    if (path === tree && new URL(request.url!, 'http://hub').searchParams.get('recursive') === 'true')
      return json(
        response,
        200,
        [...files].map(([name, bytes]) => entryOf(name, bytes)),
      );
    if (path === tree || path.startsWith(`${tree}/`)) return json(response, 200, listed(path.slice(tree.length + 1)));
    const prefix = `${kind === 'models' ? '' : '/datasets'}/${repo}/resolve/${commit}/`;
    const bytes = path.startsWith(prefix) ? files.get(path.slice(prefix.length)) : undefined;
    if (bytes === undefined) return json(response, 404, { error: 'Repository not found' });
    return send(path.slice(prefix.length), bytes, request, response);
  };

  // One level of folders, as the hub without `recursive`.
  const listed = (folder: string): unknown[] => {
    const start = folder === '' ? '' : `${folder}/`;
    const names = [...files.keys()].filter((name) => name.startsWith(start));
    const isBelow = (name: string) => /^\w.*\//.test(name.slice(start.length));
    const folders = new Set(names.filter(isBelow).map((name) => start + name.slice(start.length).split('/')[0]!));
    return [
      ...names.filter((name) => !isBelow(name)).map((name) => entryOf(name, files.get(name)!)),
      ...[...folders].map((path) => ({ type: 'directory', path, size: 0, oid: '0'.repeat(40) })),
    ];
  };

  const send = (name: string, whole: Uint8Array, request: IncomingMessage, response: ServerResponse): unknown => {
    const [first, last] = (/^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') ?? []).slice(1);
    const [start, end] = [Number(first ?? 0), last ? Number(last) + 1 : whole.length];
    const isProbe = start === 0 && end === 1;
    const number = requests.length;
    if (!isProbe) requests.push(`${name} ${request.headers.range ?? 'whole'}`);
    const headers = { ETag: `"${entryOf(name, whole).oid}"`, 'Content-Length': end - start };
    const range = { 'Content-Range': `bytes ${start}-${end - 1}/${whole.length}` };
    response.writeHead(first === undefined ? 200 : 206, first === undefined ? headers : { ...headers, ...range });
    const part = whole.subarray(start, end);
    if (isProbe) return response.end(part);
    const limit = options.breaksAfter?.(number);
    if (limit === undefined || limit >= part.length) return response.end(options.corrupt?.(number, part) ?? part);
    // What was sent is to arrive before the connection breaks.
    return response.write(part.subarray(0, limit), () => setTimeout(() => response.destroy(), 20));
  };

  const server = options.tls ? createSecureServer(options.tls, answer) : createServer(answer);
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return {
    url: `${options.tls ? 'https' : 'http'}://127.0.0.1:${(server.address() as AddressInfo).port}`,
    commit,
    requests,
    authorisations,
    close: () =>
      new Promise((closed) => {
        server.close(() => closed());
        server.closeAllConnections();
      }),
  };
}

/** A file as the hub lists it: large ones with the SHA-256 of their contents, the others under git's name for them. */
function entryOf(path: string, bytes: Uint8Array) {
  const oid = createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const lfs = bytes.length > 5000 ? { lfs: { oid: sha256, size: bytes.length, pointerSize: 130 } } : {};
  return { type: 'file', path, size: bytes.length, oid, ...lfs };
}
