import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { downloadModel } from '../../../training/hub/hub.ts';
import { proxiedFetch, proxyFor } from '../../../training/hub/proxy.ts';
import { type HubServer, startHub } from '../../cases/hubServer.ts';
import { startProxy } from '../../cases/proxyServer.ts';
import { inTemporaryFolder } from '../../cases/temporaryFolder.ts';
import { throwsClearly } from '../../oracles/throws.ts';

const llama = 'fixtures/reference/models/llama';
const repo = 'tiny/llama';
const tls = {
  key: readFileSync('fixtures/tls/key.pem', 'utf8'),
  cert: readFileSync('fixtures/tls/certificate.pem', 'utf8'),
};

async function hub(options: { readonly tls?: typeof tls } = {}): Promise<HubServer> {
  const names = ['config.json', 'model.safetensors'];
  const files = await Promise.all(names.map(async (name) => [name, await readFile(join(llama, name))] as const));
  return startHub({ repo, files: new Map(files), token: 'hf_secret', ...options });
}

async function requireWhole(directory: string): Promise<void> {
  const [got, wanted] = await Promise.all([directory, llama].map((from) => readFile(join(from, 'model.safetensors'))));
  assert.ok(got!.equals(wanted!));
}

for (const [scheme, variable] of [
  ['http', 'HTTP_PROXY'],
  ['https', 'HTTPS_PROXY'],
  ['https', 'https_proxy'],
  ['https', 'ALL_PROXY'],
] as const)
  test(`a hub that is reached over ${scheme} by ${variable} alone`, () =>
    inTemporaryFolder(async (HF_HOME) => {
      const server = await hub(scheme === 'https' ? { tls } : {});
      const proxy = await startProxy(Number(new URL(server.url).port));
      const { NODE_TLS_REJECT_UNAUTHORIZED: before } = process.env;
      // The certificate is one of our own making, as those of companies' proxies are.
      process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
      try {
        const environment = {
          ...{ HF_HOME, HF_TOKEN: 'hf_secret', HF_ENDPOINT: `${scheme}://hub.test` },
          [variable]: `http://u:p%40@127.0.0.1:${proxy.port}`,
        };
        await requireWhole(await downloadModel(repo, { environment }));
        const credentials = `Basic ${Buffer.from('u:p@').toString('base64')}`;
        assert.ok(proxy.asked.length > 3);
        const what = scheme === 'https' ? 'CONNECT hub.test:443 ' : 'GET http://hub.test/';
        for (const asked of proxy.asked) assert.ok(asked.startsWith(what) && asked.endsWith(credentials), asked);
      } finally {
        if (before === undefined) delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;
        else process.env.NODE_TLS_REJECT_UNAUTHORIZED = before;
        await proxy.close();
        await server.close();
      }
    }));

test('hosts that NO_PROXY lists are asked themselves', () =>
  inTemporaryFolder(async (HF_HOME) => {
    const server = await hub();
    const environment = {
      ...{ HF_HOME, HF_TOKEN: 'hf_secret', HF_ENDPOINT: server.url },
      ...{ HTTP_PROXY: 'http://127.0.0.1:9', NO_PROXY: 'localhost, 127.0.0.1' },
    };
    await requireWhole(await downloadModel(repo, { environment }));
    await server.close();
  }));

test('a proxy that refuses, and one that is not there, are named', () =>
  inTemporaryFolder(async (HF_HOME) => {
    const proxy = await startProxy(9, 407);
    const at = (port: number) => ({
      ...{ HF_HOME, HF_ENDPOINT: 'https://hub.test' },
      HTTPS_PROXY: `127.0.0.1:${port}`,
    });
    const refused = new RegExp(`the proxy 127\\.0\\.0\\.1:${proxy.port} answers with status 407`);
    await throwsClearly(() => downloadModel(repo, { environment: at(proxy.port) }), refused);
    await proxy.close();
    await throwsClearly(() => downloadModel(repo, { environment: at(proxy.port) }), /ECONNREFUSED/);
  }));

test('a redirect is followed, with the token to the same host only', async () => {
  const { createServer } = await import('node:http');
  const seen: string[] = [];
  const server = createServer(({ url, headers }, response) => {
    seen.push(`${headers.host}${url} ${headers.authorization ?? '-'} ${headers.range ?? '-'}`);
    const next = { '/a': '/b', '/b': 'http://cdn.test/c' }[url!];
    return next ? response.writeHead(302, { location: next }).end() : response.end('found');
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const proxy = await startProxy((server.address() as { port: number }).port);
  const through = proxiedFetch({ HTTP_PROXY: `http://127.0.0.1:${proxy.port}` });
  const headers = { authorization: 'Bearer t', range: 'bytes=2-' };
  const answer = await through('http://hub.test/a', { headers });
  assert.is(await answer.text(), 'found');
  assert.is(answer.url, 'http://cdn.test/c');
  assert.equal(seen, ['hub.test/a Bearer t bytes=2-', 'hub.test/b Bearer t bytes=2-', 'cdn.test/c - bytes=2-']);
  await proxy.close();
  await new Promise((closed) => server.close(closed));
});

const p = 'http://proxy:3128/';
const choices: readonly (readonly [url: string, environment: Record<string, string>, proxy: string | null])[] = [
  ['https://huggingface.co/a', { HTTPS_PROXY: 'http://proxy:3128' }, p],
  ['https://huggingface.co/a', { HTTP_PROXY: 'http://proxy:3128' }, null],
  ['http://huggingface.co/a', { HTTP_PROXY: 'proxy:3128' }, p],
  ['https://huggingface.co/a', { HTTPS_PROXY: 'http://other:1', https_proxy: 'http://proxy:3128' }, p],
  ['https://huggingface.co/a', { ALL_PROXY: 'http://proxy:3128', HTTPS_PROXY: '' }, p],
  ['https://huggingface.co/a', { HTTPS_PROXY: p, NO_PROXY: '*' }, null],
  ['https://huggingface.co/a', { HTTPS_PROXY: p, NO_PROXY: 'a.b,huggingface.co' }, null],
  ['https://cdn.huggingface.co/a', { HTTPS_PROXY: p, NO_PROXY: 'huggingface.co' }, null],
  ['https://cdn.huggingface.co/a', { HTTPS_PROXY: p, no_proxy: '.huggingface.co' }, null],
  ['https://myhuggingface.co/a', { HTTPS_PROXY: p, NO_PROXY: 'huggingface.co' }, p],
  ['https://mirror:8443/a', { HTTPS_PROXY: p, NO_PROXY: 'mirror:443' }, p],
  ['https://mirror:8443/a', { HTTPS_PROXY: p, NO_PROXY: 'mirror:8443' }, null],
];

for (const [url, environment, proxy] of choices)
  test(`${url} with ${JSON.stringify(environment)} goes through ${proxy ?? 'no proxy'}`, () =>
    assert.is(proxyFor(new URL(url), environment)?.href ?? null, proxy));

test('a proxy of another kind, and one that is no address, are refused without a word of their password', async () => {
  const withoutPassword = /^HTTPS_PROXY: expected the address of a proxy, http:\/\/host:port, got (?!.*secret)/;
  for (const HTTPS_PROXY of ['socks5://u:secret@proxy:1080', 'http://u:secret@'])
    await throwsClearly(() => proxyFor(new URL('https://hub.test'), { HTTPS_PROXY }), withoutPassword);
});

test.run();
