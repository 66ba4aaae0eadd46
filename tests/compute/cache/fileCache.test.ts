import { execFile } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { FileCache, graphCache } from '../../../compute/cache/fileCache.ts';
import { cacheFolder } from '../../../compute/cache/folder.ts';
import { randomStream } from '../../../compute/index.ts';
import { mutateBytes } from '../../cases/mutations.ts';
import { inTemporaryFolder } from '../../cases/temporaryFolder.ts';

const bytes = (text: string) => new Uint8Array(Buffer.from(text));
const text = (content: Uint8Array | undefined) => content && Buffer.from(content).toString();

test('what was written under a key is found under it, in another cache of the same folder too', () =>
  inTemporaryFolder(async (folder) => {
    const path = join(folder, 'a', 'b');
    const cache = new FileCache(path, 1e6);
    assert.is(cache.read('aa'), undefined);
    cache.write('aa', bytes('one'));
    cache.write('bb', bytes(''));
    cache.write('aa', bytes('one again'));
    for (const one of [cache, new FileCache(path, 1e6)]) {
      assert.is(text(one.read('aa')), 'one again');
      assert.is(text(one.read('bb')), '');
      assert.is(one.read('cc'), undefined);
    }
    assert.equal(readdirSync(path).sort(), ['aa', 'bb']);
  }));

test('a file that lies under another key, that others may write, or that is a link counts as none', () =>
  inTemporaryFolder(async (folder) => {
    const cache = new FileCache(join(folder, 'graphs'), 1e6);
    const path = (name: string) => join(folder, 'graphs', name);
    cache.write('aa', bytes('a graph'));
    copyFileSync(path('aa'), path('bb'));
    assert.is(cache.read('bb'), undefined);
    chmodSync(path('aa'), 0o666);
    assert.is(cache.read('aa'), undefined);
    chmodSync(path('aa'), 0o600);
    assert.is(text(cache.read('aa')), 'a graph');
    renameSync(path('aa'), join(folder, 'elsewhere'));
    symlinkSync(join(folder, 'elsewhere'), path('aa'));
    assert.is(cache.read('aa'), undefined);
    assert.is(statSync(join(folder, 'graphs')).mode & 0o777, 0o700);
  }));

test('a damaged file counts as none, is removed, and can be written anew', () =>
  inTemporaryFolder(async (folder) => {
    const cache = new FileCache(folder, 1e6);
    const path = join(folder, 'aa');
    for (let seed = 0; seed < 50; seed++) {
      cache.write('aa', bytes('the whole content'));
      const whole = readFileSync(path);
      const damaged = mutateBytes(whole, randomStream(seed, 'damage'));
      if (whole.equals(damaged)) continue;
      writeFileSync(path, damaged);
      assert.is(cache.read('aa'), undefined, `seed ${seed}`);
      assert.equal(readdirSync(folder), [], `seed ${seed}`);
    }
    cache.write('aa', bytes('anew'));
    assert.is(text(cache.read('aa')), 'anew');
  }));

test('the files that were not used for longest give way', () =>
  inTemporaryFolder(async (folder) => {
    // Each file is 32 bytes longer than its content.
    const cache = new FileCache(folder, 3 * 132);
    const content = new Uint8Array(100);
    for (const [age, key] of ['aa', 'bb', 'cc'].entries()) {
      cache.write(key, content);
      const then = new Date(Date.now() - 1000 * (10 - age));
      utimesSync(join(folder, key), then, then);
    }
    assert.ok(cache.read('aa'));
    cache.write('dd', content);
    assert.equal(readdirSync(folder).sort(), ['aa', 'cc', 'dd']);
    cache.write('ee', new Uint8Array(1000));
    assert.equal(readdirSync(folder), [], 'what is larger than all may be is not kept');
  }));

test('processes that read and write the same keys at once find whole contents or nothing', () =>
  inTemporaryFolder(async (folder) => {
    const script = `
      const { FileCache } = await import(${JSON.stringify(new URL('../../../compute/cache/fileCache.ts', import.meta.url).href)});
      const cache = new FileCache(${JSON.stringify(folder)}, 40_000);
      for (let turn = 0; turn < 150; turn++) {
        const key = 'abcdef'[(turn * 7 + Number(process.argv[1])) % 6];
        const found = cache.read(key);
        if (found !== undefined && !(found.length === 9000 && found.every((byte) => byte === key.charCodeAt(0)))) process.exit(1);
        cache.write(key, new Uint8Array(9000).fill(key.charCodeAt(0)));
      }`;
    const run = (seed: number) =>
      promisify(execFile)(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script, String(seed)]);
    await Promise.all([run(0), run(1), run(2)]);
    const total = readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
    assert.ok(total <= 40_000, `${total} bytes`);
  }));

test('a folder that cannot be made is a cache in which nothing is found', () =>
  inTemporaryFolder(async (folder) => {
    const file = join(folder, 'file');
    writeFileSync(file, 'no folder');
    const cache = new FileCache(join(file, 'inside'), 1e6);
    cache.write('aa', bytes('one'));
    assert.is(cache.read('aa'), undefined);
    assert.is(readFileSync(file, 'utf8'), 'no folder');
  }));

test('the cache of graphs lies where the user wants it, or nowhere', () =>
  inTemporaryFolder(async (folder) => {
    assert.is(graphCache({ LAMBDAMAX_CACHE: 'off' }), undefined);
    for (const [environment, place] of [
      [{ LAMBDAMAX_CACHE: join(folder, 'own') }, join(folder, 'own')],
      [{ XDG_CACHE_HOME: folder }, join(folder, 'lambdamax', 'graphs')],
      [{ XDG_CACHE_HOME: folder, LAMBDAMAX_CACHE: '' }, join(folder, 'lambdamax', 'graphs')],
    ] as const) {
      graphCache(environment)!.write('aa', bytes('one'));
      assert.is(text(new FileCache(place, 1e6).read('aa')), 'one');
    }
    assert.match(cacheFolder('graphs', {}), /[\\/]\.cache[\\/]lambdamax[\\/]graphs$/);
  }));

test.run();
