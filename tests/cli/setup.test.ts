import { chmod, mkdir, readdir, writeFile } from 'node:fs/promises';
import { arch } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { withEnvironment } from '../cases/environment.ts';
import { inTemporaryFolder } from '../cases/temporaryFolder.ts';
import { failsClearly } from '../oracles/commands.ts';

const machine = arch() === 'arm64' ? 'aarch64' : 'x86_64';
const wheelName = `tensorflow_cpu-2.21.0-cp311-cp311-manylinux_2_27_${machine}.whl`;
const setup = (...argv: readonly string[]) => ['setup', 'tensorflow', ...argv];

test('setup wants a backend that it knows, and a wheel', async () => {
  await failsClearly(['setup'], 2);
  await failsClearly(['setup', 'onnx', '--wheel', 'x.whl'], 2, /--backend: expected tensorflow.*no other needs any/);
  await failsClearly(setup(), 2, /--wheel: expected a value, got none/);
});

test('setup names what is no wheel of TensorFlow, and says how to get one', () =>
  inTemporaryFolder(async (folder) => {
    const advice = /get one with `pip download --no-deps tensorflow`/;
    const missing = join(folder, wheelName);
    await failsClearly(setup('--wheel', missing), 1, /expected a TensorFlow wheel, got no such file/, advice);
    await failsClearly(setup('--wheel', folder), 1, /got a folder without one/, advice);
    const other = join(folder, 'numpy-2.0.0-cp311-cp311-manylinux_2_27_x86_64.whl');
    await writeFile(other, '');
    await failsClearly(setup('--wheel', other), 1, /got a file of another name than tensorflow-\*\.whl/, advice);
    await failsClearly(setup('--wheel', folder), 1, /got a folder without one/, advice);
    for (const version of ['2.20.0', '2.21.0'])
      await writeFile(join(folder, `tensorflow-${version}-cp311-cp311-manylinux_2_27_x86_64.whl`), '');
    await failsClearly(setup('--wheel', folder), 1, /got several: tensorflow-/, advice);
  }));

if (process.platform === 'linux') {
  test('setup refuses the wheel of another platform', () =>
    inTemporaryFolder(async (folder) => {
      for (const tag of ['win_amd64', 'macosx_12_0_arm64', 'manylinux_2_27_riscv64']) {
        const wheel = join(folder, `tensorflow-2.21.0-cp311-cp311-${tag}.whl`);
        await writeFile(wheel, '');
        await failsClearly(
          setup('--wheel', wheel),
          1,
          new RegExp(`${tag}\\.whl: expected a wheel for linux .*, got ${tag}`),
        );
      }
    }));

  test('setup without a compiler says what to install', () =>
    inTemporaryFolder(async (folder) => {
      const wheel = join(folder, wheelName);
      await writeFile(wheel, '');
      await withEnvironment({ PATH: folder, npm_config_nodedir: await fakeHeaders(folder) }, () =>
        failsClearly(setup('--wheel', wheel), 1, /make: expected to be there.*got no such command; install a C\+\+/),
      );
    }));

  test('setup refuses a wheel that is no archive, and leaves nothing of it', () =>
    inTemporaryFolder(async (folder) => {
      const wheel = join(folder, wheelName);
      const tools = join(folder, 'tools');
      await writeFile(wheel, 'not a zip file at all, however long it may be');
      await mkdir(tools);
      for (const tool of ['make', 'g++', 'python3']) {
        await writeFile(join(tools, tool), '#!/bin/sh\nexit 0\n');
        await chmod(join(tools, tool), 0o755);
      }
      const cache = join(folder, 'cache');
      const headers = await fakeHeaders(folder);
      const variables = { PATH: `${tools}:/bin:/usr/bin`, npm_config_nodedir: headers, XDG_CACHE_HOME: cache };
      await withEnvironment(variables, async () => {
        await failsClearly(
          setup('--wheel', wheel, '--quiet'),
          1,
          /expected a TensorFlow wheel with libtensorflow in it, got /,
        );
        assert.equal(await readdir(join(cache, 'lambdamax', 'tensorflow')), []);
      });
    }));
}

/** A folder in which Node's headers seem to be. */
async function fakeHeaders(folder: string): Promise<string> {
  const include = join(folder, 'nodedir', 'include', 'node');
  await mkdir(include, { recursive: true });
  await writeFile(join(include, 'node_api.h'), '');
  return join(folder, 'nodedir');
}

test.run();
