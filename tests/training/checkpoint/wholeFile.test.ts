import { chmod, lstat, mkdir, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { randomStream } from '../../../compute/random.ts';
import { copyFileWhole, writeFileWhole, writeJson } from '../../../training/checkpoint/files.ts';
import { writeSafetensors } from '../../../training/checkpoint/safetensors.ts';
import { isUnfinishedFile, writeWhole } from '../../../training/checkpoint/wholeFile.ts';
import { MetricsWriter } from '../../../training/finetune/metrics.ts';
import { canMount, onSmallDisk } from '../../cases/smallDisk.ts';
import { inTemporaryFolder } from '../../cases/temporaryFolder.ts';
import { throwsClearly } from '../../oracles/throws.ts';

const testWithDisk = canMount ? test : test.skip;

/** Each way in which a file comes about, with contents of about 40 KB. */
const writers: Readonly<Record<string, (path: string, source: string) => Promise<void>>> = {
  text: (path) => writeFileWhole(path, 'a line of text\n'.repeat(2700)),
  json: (path) =>
    writeJson(
      path,
      Array.from({ length: 5000 }, (_, index) => index),
    ),
  safetensors: (path) =>
    writeSafetensors(path, new Map([['w', { shape: [10_000], values: new Float32Array(10_000) }]])),
  pieces: (path) =>
    writeFileWhole(
      path,
      Array.from({ length: 40 }, () => new Uint8Array(1000).fill(7)),
    ),
  copy: (path, source) => copyFileWhole(source, path),
};

for (const [name, write] of Object.entries(writers))
  testWithDisk(`${name} on a disk that fills up at 30 random points is the old file or the new one, never less`, () =>
    inTemporaryFolder(async (folder) => {
      const source = join(folder, 'source');
      await writeFile(source, 'x'.repeat(40_000));
      const whole = join(folder, 'whole');
      await write(whole, source);
      const right = await readFile(whole, 'base64');
      await onSmallDisk('128k', async (disk) => {
        const [path, ballast] = [join(disk, 'file'), join(disk, 'ballast')];
        const random = randomStream(0, name);
        const seen = { old: 0, new: 0 };
        for (let point = 0; point < 30; point++) {
          await rm(ballast, { force: true });
          await writeFile(path, 'the old file');
          // tmpfs gives room by pages of 4 KB: from no room at all to enough.
          await writeFile(ballast, new Uint8Array(4096 * (14 + random.integer(17))));
          const failure = await write(path, source).then(
            () => undefined,
            (error: Error) => error.message,
          );
          if (failure !== undefined) assert.is(failure, `${path}: expected a writable file, got a full disk`);
          const now = await readFile(path, 'base64');
          assert.is(now, failure === undefined ? right : Buffer.from('the old file').toString('base64'));
          seen[failure === undefined ? 'new' : 'old'] += 1;
          assert.equal((await readdir(disk)).sort(), ['ballast', 'file']);
        }
        assert.ok(seen.old >= 5 && seen.new >= 5, `the case shows nothing: ${JSON.stringify(seen)}`);
      });
    }),
  );

testWithDisk('metrics that do not fit any more leave whole lines', async () => {
  await onSmallDisk('16k', async (disk) => {
    const path = join(disk, 'metrics.jsonl');
    const writer = new MetricsWriter(path);
    const line = { step: 1, loss: 1.5, learningRate: 1e-3, gradientNorm: 2, tokens: 3, seconds: 4 };
    const writeMany = (): void => {
      for (let step = 0; step < 1000; step++) {
        for (let k = 0; k < 20; k++) writer.write({ ...line, step });
        writer.save();
      }
    };
    await throwsClearly(async () => writeMany(), /metrics\.jsonl: expected a writable file, got a full disk/);
    writer.close();
    const text = await readFile(path, 'utf8');
    assert.ok(text.length > 4096 && text.endsWith('}\n'));
    for (const one of text.trimEnd().split('\n')) assert.is(JSON.parse(one).loss, 1.5);
  });
});

test('a link stays a link, permissions stay, and folders and places without permission are refused by name', () =>
  inTemporaryFolder(async (folder) => {
    const [real, link] = [join(folder, 'real'), join(folder, 'link')];
    await writeFile(real, 'old');
    await chmod(real, 0o600);
    await symlink('real', link);
    await writeFileWhole(link, 'new');
    assert.ok((await lstat(link)).isSymbolicLink());
    assert.is(await readFile(real, 'utf8'), 'new');
    assert.is((await stat(real)).mode & 0o777, 0o600);
    await mkdir(join(folder, 'inner'));
    await throwsClearly(
      () => writeFileWhole(join(folder, 'inner'), 'text'),
      /inner: expected a writable file, got a folder/,
    );
    await throwsClearly(() => writeFileWhole(join(folder, 'none', 'a'), 'text'), /none\/a: .*no such file or folder/);
    await throwsClearly(() => copyFileWhole(join(folder, 'none'), real), /none: expected a readable file/);
    assert.is(await readFile(real, 'utf8'), 'new');
    assert.equal((await readdir(folder)).sort(), ['inner', 'link', 'real']);
  }));

test('writes of one file at once leave what the last call had, whichever is slowest', () =>
  inTemporaryFolder(async (folder) => {
    const path = join(folder, 'results.csv');
    for (let round = 0; round < 20; round++) {
      const texts = Array.from({ length: 8 }, (_, index) => `${round} ${index}\n`.repeat(1 + 2000 * (7 - index)));
      await Promise.all(texts.map((text) => writeWhole(path, text)));
      assert.is(await readFile(path, 'utf8'), texts.at(-1));
    }
    // One that fails does not keep the next from being written.
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield new Uint8Array(10);
      throw new Error('broken');
    }
    const [failed, next] = await Promise.allSettled([writeWhole(path, broken()), writeWhole(path, 'next')]);
    assert.equal([failed.status, next.status], ['rejected', 'fulfilled']);
    assert.is(await readFile(path, 'utf8'), 'next');
  }));

test('a device is written to as it is', async () => {
  await writeFileWhole('/dev/null', 'text');
  assert.ok((await stat('/dev/null')).isCharacterDevice());
  await throwsClearly(
    () => writeFileWhole('/dev/full', 'text'),
    /\/dev\/full: expected a writable file, got a full disk/,
  );
});

test('what a killed process leaves is known by its name', () => {
  assert.ok(isUnfinishedFile('study.json.unfinished-0123456789abcdef'));
  for (const name of ['study.json', 'unfinished-0123456789abcdef', 'study.json.unfinished-1'])
    assert.not(isUnfinishedFile(name));
});

test.run();
