import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { LambdamaxError } from '../../errors.ts';
import { type Answer, answering, message } from './answer.ts';
import { liveReader } from './liveStudy.ts';

/** A server of live pages. */
export interface LiveServer {
  /** Where a browser on this machine finds them. */
  readonly url: string;
  /** Ends it, also connections that are open. */
  close(): Promise<void>;
}

/** The one address that is listened at: nothing but this machine reaches it. */
const loopback = '127.0.0.1';

/**
 * Serves live pages about the studies in a folder on this machine alone. It reads, and neither writes nor holds a study. Port 0 is any
 * that is free.
 * @throws LambdamaxError if the port is taken or not allowed.
 */
export async function serveStudies(folder: string, { port }: { readonly port: number }): Promise<LiveServer> {
  const answer = answering(folder, liveReader());
  let hosts: ReadonlySet<string> = new Set();
  const server = createServer((request, response) => {
    respond(request, hosts, answer)
      .catch(() => message(500, 'Something went wrong', 'The page cannot be made; it is tried again.'))
      .then((said) => send(said, request, response));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => reject(portFault(port, cause)));
    server.listen(port, loopback, resolve);
  });
  const { port: actual } = server.address() as AddressInfo;
  hosts = namesOfThisMachine(actual);
  return {
    url: `http://${loopback}:${actual}/`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/**
 * What a browser calls this server. A page of somebody else's whose name leads to this machine (DNS rebinding) sends its own name,
 * and is refused.
 */
function namesOfThisMachine(port: number): Set<string> {
  return new Set(
    ['localhost', loopback, '[::1]'].flatMap((name) => [`${name}:${port}`, ...(port === 80 ? [name] : [])]),
  );
}

async function respond(
  { headers: { host = '' }, method = '', url = '/' }: IncomingMessage,
  hosts: ReadonlySet<string>,
  answer: (path: string) => Promise<Answer>,
): Promise<Answer> {
  if (!hosts.has(host.toLowerCase())) return message(403, 'Refused', 'This server answers to localhost only.');
  if (method !== 'GET' && method !== 'HEAD') return message(405, 'Refused', 'These pages can only be read.');
  if (!URL.canParse(url, 'http://localhost')) return message(400, 'Refused', 'This is no address of a page.');
  return answer(url);
}

function send({ status, page, policy }: Answer, { method, headers }: IncomingMessage, response: ServerResponse): void {
  const etag = `"${createHash('sha256').update(page).digest('base64url')}"`;
  const isKnown = status === 200 && headers['if-none-match'] === etag;
  response.writeHead(isKnown ? 304 : status, {
    'Content-Type': 'text/html; charset=utf-8',
    'Content-Security-Policy': policy,
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'no-referrer',
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cache-Control': 'no-cache',
    ETag: etag,
    ...(status === 405 && { Allow: 'GET, HEAD' }),
  });
  response.end(isKnown || method === 'HEAD' ? undefined : page);
}

function portFault(port: number, cause: NodeJS.ErrnoException): LambdamaxError {
  const got = { EADDRINUSE: 'one that another program uses', EACCES: 'one that is not allowed' }[cause.code ?? ''];
  return new LambdamaxError({
    subject: `port ${port}`,
    expected: 'a free port',
    got: got ?? cause.message,
    remedy: 'choose another one, or let `port: 0` choose',
    cause,
  });
}
