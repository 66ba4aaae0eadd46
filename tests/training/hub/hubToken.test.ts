import { existsSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { downloadModel } from '../../../training/hub/hub.ts';
import { type HubOptions, type HubServer, startHub } from '../../cases/hubServer.ts';
import { inTemporaryFolder } from '../../cases/temporaryFolder.ts';
import { throwsClearly } from '../../oracles/throws.ts';

const llama = 'fixtures/reference/models/llama';
const repo = 'tiny/llama';
const token = 'hf_secret';
const tls = {
  key: readFileSync('fixtures/tls/key.pem', 'utf8'),
  cert: readFileSync('fixtures/tls/certificate.pem', 'utf8'),
};

/** Where a request leads, of the hub and of a stranger: their servers are known when they are asked. */
interface Servers {
  hub: HubServer;
  stranger: HubServer;
}

/** A way in which a hub sends those who ask it to somebody else. */
interface Way {
  readonly name: string;
  readonly hub: (path: string, servers: Servers) => Readonly<Record<string, string>> | undefined;
  readonly stranger?: (path: string, servers: Servers) => Readonly<Record<string, string>> | undefined;
  /** Whether the hub speaks HTTPS, and the stranger does not. */
  readonly isSafe?: boolean;
  /** The token is missed by the hub itself, where a stranger sends those who ask back to it. */
  readonly fails?: boolean;
}

const isContent = (path: string): boolean => path.includes('/resolve/');
/** Another host: another name for the port that the hub listens on. */
const byName = (url: string): string => url.replace('127.0.0.1', 'localhost');

const ways: readonly Way[] = [
  {
    name: 'files are redirected to another port',
    hub: (path, { stranger }) => (isContent(path) ? { location: stranger.url + path } : undefined),
  },
  {
    name: 'files are redirected to another host',
    hub: (path, { stranger }) => (isContent(path) ? { location: byName(stranger.url) + path } : undefined),
  },
  {
    name: 'all is redirected to another host',
    hub: (path, { stranger }) => ({ location: byName(stranger.url) + path }),
  },
  {
    name: 'files are redirected to what says that it is a cache of the hub',
    hub: (path, { stranger }) => (isContent(path) ? { location: stranger.url + path } : undefined),
    stranger: () => ({ 'x-cache': 'Hit from cloudfront' }),
  },
  {
    name: 'files are redirected from https to http',
    isSafe: true,
    hub: (path, { stranger }) => (isContent(path) ? { location: stranger.url + path } : undefined),
  },
  {
    name: 'the next page of the list of files is at another host',
    hub: (path, { stranger }) =>
      path.includes('/tree/') ? { link: `<${byName(stranger.url)}${path}>; rel="next"` } : undefined,
  },
  {
    name: 'the next page of the list of files is at another port, and a redirect to a third name of it',
    hub: (path, { stranger }) => (path.includes('/tree/') ? { link: `<${stranger.url}/next>; rel="next"` } : undefined),
    stranger: (path, { stranger, hub }) =>
      path === '/next' ? { location: `${byName(stranger.url)}/api/models/${repo}/tree/${hub.commit}` } : undefined,
  },
  {
    name: 'files are redirected to another port and back',
    fails: true,
    hub: (path, { stranger }) => (isContent(path) ? { location: `${stranger.url}/away${path}` } : undefined),
    stranger: (path, { hub }) => ({ location: `${hub.url}${path.replace('/away', '/back')}` }),
  },
];

const environments: readonly Readonly<Record<string, string>>[] = [
  {},
  // Then redirects are followed step by step.
  { HTTP_PROXY: 'http://127.0.0.1:9', NO_PROXY: '*' },
];

for (const { name, hub, stranger, isSafe = false, fails = false } of ways)
  for (const environment of environments)
    test(`${name}: the token goes to the hub alone${environment.NO_PROXY ? ', with a proxy in the environment' : ''}`, () =>
      inTemporaryFolder(async (HF_HOME) => {
        const names = ['config.json', 'model.safetensors'];
        const files = new Map(
          await Promise.all(names.map(async (file) => [file, await readFile(join(llama, file))] as const)),
        );
        const servers = {} as Servers;
        const start = async (options: Partial<HubOptions>) => startHub({ repo, files, ...options });
        servers.hub = await start({ token, headersAt: (path) => hub(path, servers), ...(isSafe && { tls }) });
        servers.stranger = await start({ headersAt: (path) => stranger?.(path, servers) });
        const { NODE_TLS_REJECT_UNAUTHORIZED: before } = process.env;
        // The certificate is one of our own making.
        if (isSafe) process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
        try {
          const download = () =>
            downloadModel(repo, {
              environment: { ...environment, HF_HOME, HF_TOKEN: token, HF_ENDPOINT: servers.hub.url },
            });
          if (fails) await throwsClearly(download, /tiny\/llama/);
          else assert.ok(existsSync(join(await download(), 'model.safetensors')));
          const [own, foreign] = [servers.hub.authorisations, servers.stranger.authorisations];
          assert.ok(own.length > 0 && foreign.length > 0, 'one of them was never asked');
          assert.equal(
            foreign.filter((request) => !request.endsWith(' -')),
            [],
          );
          const back = own.filter((request) => request.startsWith('/back'));
          assert.is(back.length > 0, fails);
          assert.ok(back.every((request) => request.endsWith(' -')));
          const rest = own.filter((request) => !request.startsWith('/back'));
          assert.ok(rest.every((request) => request.endsWith(` Bearer ${token}`)));
        } finally {
          if (before === undefined) delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;
          else process.env.NODE_TLS_REJECT_UNAUTHORIZED = before;
          await servers.hub.close();
          await servers.stranger.close();
        }
      }));

test.run();
