import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { connect as tlsConnect } from 'node:tls';
import { LambdamaxError } from '../../errors.ts';
import type { HubEnvironment } from './environment.ts';

/** The proxy for a URL by HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY, as curl and Python read them; null for none. */
export function proxyFor(url: URL, environment: HubEnvironment): URL | null {
  const variable = (name: string) => environment[name.toLowerCase()] || environment[name] || '';
  if (isExcepted(url, variable('NO_PROXY'))) return null;
  const scheme = url.protocol === 'https:' ? 'HTTPS_PROXY' : 'HTTP_PROXY';
  const name = variable(scheme) ? scheme : 'ALL_PROXY';
  const text = variable(name);
  if (text === '') return null;
  const address = /^[\w+.-]+:\/\//.test(text) ? text : `http://${text}`;
  const proxy = URL.canParse(address) ? new URL(address) : null;
  if (proxy?.protocol === 'http:' || proxy?.protocol === 'https:') return proxy;
  throw new LambdamaxError({
    subject: name,
    expected: 'the address of a proxy, http://host:port',
    // Whatever it is, it may hold a password.
    got: proxy === null ? 'none' : `one for ${proxy.protocol}//`,
  });
}

/** Whether NO_PROXY lists a URL's host, a domain above it, or `*`; with or without its port. */
function isExcepted({ hostname, port, protocol }: URL, list: string): boolean {
  const own = port || (protocol === 'https:' ? '443' : '80');
  return list.split(/[\s,]+/).some((entry) => {
    const [, name = '', wanted = own] = /^(?:\*?\.)?(.*?)(?::(\d+))?$/.exec(entry.toLowerCase()) ?? [];
    if (entry === '*') return true;
    return name !== '' && wanted === own && (hostname === name || hostname.endsWith(`.${name}`));
  });
}

const mostRedirects = 20;
const redirectStatuses: readonly number[] = [301, 302, 303, 307, 308];

/**
 * `fetch` that goes through the environment's proxy where it names one for an address, which Node's own does not before version
 * 24. It takes requests without a body, all that reading from a hub needs.
 */
export function proxiedFetch(environment: HubEnvironment): typeof fetch {
  if (!Object.keys(environment).some((name) => /^(?:https?|all)_proxy$/i.test(name))) return fetch;
  return async (input, init) => {
    const request = new Request(input, init);
    const { method, signal } = request;
    const headers = new Headers(request.headers);
    let url = new URL(request.url);
    for (let redirects = 0; redirects <= mostRedirects; redirects++) {
      const proxy = proxyFor(url, environment);
      const asked = { method, headers, signal };
      // Each step by itself: an address that needs no proxy may lead to one that does.
      const answer =
        proxy === null
          ? await fetch(url, { ...asked, redirect: 'manual' })
          : toResponse(await ask(url, proxy, asked), url);
      const target = answer.headers.get('location');
      if (!redirectStatuses.includes(answer.status) || target === null || request.redirect === 'manual') return answer;
      await answer.body?.cancel();
      const next = new URL(target, url);
      // A token is for the host that it was meant for.
      if (next.origin !== url.origin) headers.delete('authorization');
      url = next;
    }
    throw new Error(`more than ${mostRedirects} redirects`);
  };
}

interface Asked {
  readonly method: string;
  readonly headers: Headers;
  readonly signal: AbortSignal;
}

/** What a server answers through a proxy: through a tunnel over TLS, else the proxy asks in our place. */
async function ask(url: URL, proxy: URL, { method, headers, signal }: Asked): Promise<IncomingMessage> {
  const own = { method, headers: Object.fromEntries(headers), signal };
  if (url.protocol === 'http:') {
    const asked = { ...own, path: url.href, headers: { ...own.headers, host: url.host, ...authorisation(proxy) } };
    return answered(send(proxy, asked), 'response');
  }
  const host = `${url.hostname}:${url.port || 443}`;
  const tunnel = send(proxy, { method: 'CONNECT', path: host, headers: { host, ...authorisation(proxy) }, signal });
  const answer = await answered(tunnel, 'connect');
  if (answer.statusCode !== 200) {
    answer.socket.destroy();
    throw new Error(`the proxy ${proxy.host} answers with status ${answer.statusCode}`);
  }
  const createConnection = () => tlsConnect({ socket: answer.socket as Socket, servername: url.hostname });
  // Without an agent, who would make a connection of its own.
  return answered(httpsRequest(url, { ...own, createConnection }), 'response');
}

function send(proxy: URL, options: RequestOptions) {
  const isSafe = proxy.protocol === 'https:';
  const place = { host: proxy.hostname.replace(/^\[|\]$/g, ''), port: proxy.port || (isSafe ? 443 : 80), agent: false };
  return (isSafe ? httpsRequest : httpRequest)({ ...place, ...options });
}

function answered(request: ReturnType<typeof httpRequest>, event: 'response' | 'connect'): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request.once(event, resolve).once('error', reject).end();
  });
}

function authorisation({ username, password }: URL): Record<string, string> {
  if (username === '') return {};
  const secret = Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString('base64');
  return { 'proxy-authorization': `Basic ${secret}` };
}

function toResponse(answer: IncomingMessage, url: URL): Response {
  const headers = Object.entries(answer.headersDistinct).flatMap(([name, values = []]) =>
    values.map((value): [string, string] => [name, value]),
  );
  const status = answer.statusCode!;
  const isEmpty = status === 204 || status === 304;
  const body = isEmpty ? null : (Readable.toWeb(answer) as ReadableStream<Uint8Array>);
  const response = new Response(body, { status, statusText: answer.statusMessage ?? '', headers });
  // The client says in its errors which address failed.
  return Object.defineProperty(response, 'url', { value: url.href });
}
