import { cp, mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LambdamaxError } from '../../../errors.ts';
import { inResultFolder } from '../../../training/checkpoint/resultFolder.ts';
import { inTemporaryFolder } from '../../cases/temporaryFolder.ts';
import { filesOf } from '../../cases/tinyStudy.ts';
import { throwsClearly } from '../../oracles/throws.ts';

const isResult = (name: string): boolean => ['adapter', 'result.json', 'checkpoint'].includes(name);
const allowed = { isResult, overwrite: true };

/** Writes a result with a text in it, and an adapter folder. */
async function writeResults(place: string, text: string): Promise<void> {
  await mkdir(join(place, 'adapter'), { recursive: true });
  await writeFile(join(place, 'adapter', 'values'), text);
  await writeFile(join(place, 'result.json'), text);
}

const put =
  (text: string, isGood = true) =>
  async (place: string) => {
    await writeResults(place, text);
    return { result: text, isGood };
  };

async function textsIn(folder: string): Promise<Record<string, string>> {
  const files = await filesOf(folder);
  return Object.fromEntries(
    await Promise.all(files.map(async (file) => [file, await readFile(join(folder, file), 'utf8')])),
  );
}

const first = { 'adapter/values': 'first', 'result.json': 'first' };
const second = { 'adapter/values': 'second', 'result.json': 'second' };

test('results replace older ones only where that is asked for and only when they are good', () =>
  inTemporaryFolder(async (folder) => {
    assert.is(await inResultFolder(folder, { isResult }, put('first')), 'first');
    await throwsClearly(
      () => inResultFolder(folder, { isResult }, put('second')),
      /results of another run, got adapter.*`overwrite`/,
    );
    assert.equal(await textsIn(folder), first);
    await inResultFolder(folder, allowed, put('second', false));
    assert.equal(await textsIn(folder), {
      ...first,
      'unfinished/adapter/values': 'second',
      'unfinished/result.json': 'second',
    });
    await inResultFolder(folder, allowed, put('second'));
    assert.equal(await textsIn(folder), second);
  }));

test('nothing but results is touched, and a result without a successor goes', () =>
  inTemporaryFolder(async (folder) => {
    await inResultFolder(folder, allowed, put('first'));
    for (const name of ['strange.safetensors', 'checkpoint']) await writeFile(join(folder, name), 'mine');
    await inResultFolder(folder, allowed, put('second'));
    assert.equal(await textsIn(folder), { ...second, 'strange.safetensors': 'mine' });
  }));

test('what is thrown leaves the folder as it was', () =>
  inTemporaryFolder(async (folder) => {
    await inResultFolder(folder, allowed, put('first'));
    const failing = async (place: string) => {
      await writeResults(place, 'second');
      throw new LambdamaxError({ subject: 'disk', expected: 'more' });
    };
    await throwsClearly(() => inResultFolder(folder, allowed, failing), /disk/);
    assert.equal(await textsIn(folder), first);
  }));

test('a folder that is being written in is refused to another, and free afterwards', () =>
  inTemporaryFolder(async (folder) => {
    let refused: unknown;
    await inResultFolder(folder, allowed, async (place) => {
      await inResultFolder(folder, allowed, put('second')).catch((error: unknown) => {
        refused = error;
      });
      return put('first')(place);
    });
    assert.match(String(refused), /that no other process writes in, got a lock of process \d+/);
    assert.equal(await textsIn(folder), first);
  }));

/** The moves of a swap, one after another; a killed process has made the first few. */
const moves: readonly (readonly [from: string, to: string])[] = [
  ['checkpoint', '.outgoing/checkpoint'],
  ['unfinished', '.incoming'],
  ['adapter', '.outgoing/adapter'],
  ['.incoming/adapter', 'adapter'],
  ['result.json', '.outgoing/result.json'],
  ['.incoming/result.json', 'result.json'],
];
for (let made = 0; made <= moves.length; made++)
  test(`a swap that was cut off after ${made} moves leaves the old results or the new, whole`, () =>
    inTemporaryFolder(async (folder) => {
      await writeResults(folder, 'first');
      await writeFile(join(folder, 'checkpoint'), 'first');
      await writeResults(join(folder, 'unfinished'), 'second');
      await mkdir(join(folder, '.outgoing'));
      for (const [from, to] of moves.slice(0, made)) await rename(join(folder, from), join(folder, to));
      // The next command sets the folder right before it looks what is there.
      await throwsClearly(() => inResultFolder(folder, { isResult }, put('third')), /results of another run/);
      const {
        'unfinished/adapter/values': _values,
        'unfinished/result.json': _result,
        ...left
      } = await textsIn(folder);
      assert.equal(left, made < 2 ? { ...first, checkpoint: 'first' } : second);
      assert.not((await readdir(folder)).some((name) => name.startsWith('.')));
    }));

test('a folder copied while it was written in is taken over', () =>
  inTemporaryFolder(async (folder) => {
    const [from, to] = [join(folder, 'from'), join(folder, 'to')];
    await inResultFolder(from, allowed, async (place) => {
      await cp(from, to, { recursive: true });
      const lock = JSON.parse(await readFile(join(to, '.lock'), 'utf8')) as object;
      // Of a process that is gone: no process has this number.
      await writeFile(join(to, '.lock'), JSON.stringify({ ...lock, pid: 2 ** 30 }));
      return put('first')(place);
    });
    await inResultFolder(to, allowed, put('second'));
    assert.equal(await textsIn(to), second);
  }));

test.run();
