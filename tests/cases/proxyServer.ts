import { createServer, request } from 'node:http';
import { type AddressInfo, connect } from 'node:net';

/** A proxy on this machine. */
export interface ProxyServer {
  readonly port: number;
  /** What it was asked for, with the credentials that came along: `CONNECT hub.test:443 Basic dTpw`. */
  readonly asked: string[];
  close(): Promise<void>;
}

/** Passes everything on to one port of this machine, whatever host was asked for; or refuses it with a status. */
export async function startProxy(target: number, status = 200): Promise<ProxyServer> {
  const asked: string[] = [];
  const server = createServer((incoming, response) => {
    asked.push(`${incoming.method} ${incoming.url} ${incoming.headers['proxy-authorization'] ?? ''}`.trim());
    if (status !== 200) return response.writeHead(status).end();
    const { pathname, search } = new URL(incoming.url!);
    const { method, headers } = incoming;
    return incoming.pipe(
      request({ host: '127.0.0.1', port: target, path: pathname + search, method, headers }, (answer) => {
        response.writeHead(answer.statusCode!, answer.headers);
        answer.pipe(response);
      }),
    );
  });
  const tunnels = new Set<{ destroy(): unknown }>();
  server.on('connect', ({ url, headers }, client) => {
    tunnels.add(client);
    asked.push(`CONNECT ${url} ${headers['proxy-authorization'] ?? ''}`.trim());
    if (status !== 200) return client.end(`HTTP/1.1 ${status} No\r\n\r\n`);
    const upstream = connect(target, '127.0.0.1', () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      upstream.pipe(client).pipe(upstream);
    });
    for (const socket of [client, upstream]) socket.on('error', () => upstream.destroy());
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return {
    port: (server.address() as AddressInfo).port,
    asked,
    close: () =>
      new Promise((closed) => {
        server.close(() => closed());
        server.closeAllConnections();
        for (const tunnel of tunnels) tunnel.destroy();
      }),
  };
}
