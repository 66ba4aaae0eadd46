import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { inTemporaryFolder } from '../cases/temporaryFolder.ts';
import { filesOf, timelessBytes, tinyStudy } from '../cases/tinyStudy.ts';
import { randomRows, referencePath, writeRows } from '../cases/tokenFiles.ts';
import { failsClearly, resultOf } from '../oracles/commands.ts';

const finetune = (data: string, out: string) => [
  ...['finetune', '--model', referencePath('models/llama'), '--threads', '1', '--data', data, '--out', out, '--quiet'],
  ...['--method', 'pissa', '--rank', '16', '--lr', '1e-3', '--steps', '2'],
];

(existsSync('/dev/full') ? test : test.skip)('metrics on a full disk end a run, which then has no result', () =>
  inTemporaryFolder(async (folder) => {
    const data = await writeRows(folder, randomRows(2, 1));
    const out = join(folder, 'out');
    await mkdir(out);
    await symlink('/dev/full', join(out, 'metrics.jsonl'));
    await failsClearly(finetune(data, out), 1, /out\/metrics\.jsonl: expected a writable file, got a full disk/);
    assert.equal(await readdir(out), ['metrics.jsonl']);
  }),
);

/** Calls `body` with a file system of so many bytes and a function that makes it larger; false where one may not mount. */
async function onSmallDisk(
  size: string,
  body: (disk: string, grow: (size: string) => void) => Promise<void>,
): Promise<boolean> {
  return inTemporaryFolder(async (disk) => {
    const mount = (...options: string[]) =>
      execFileSync('mount', ['-t', 'tmpfs', '-o', options.join(), 'tmpfs', disk], { stdio: 'ignore' });
    try {
      mount(`size=${size}`);
    } catch {
      return false;
    }
    try {
      await body(disk, (larger) => mount('remount', `size=${larger}`));
    } finally {
      execFileSync('umount', [disk]);
    }
    return true;
  });
}

const canMount = await onSmallDisk('64k', async () => {});
const testWithDisk = canMount ? test : test.skip;

testWithDisk('an adapter that does not fit on the disk leaves nothing that could be taken for one', () =>
  inTemporaryFolder(async (folder) => {
    const data = await writeRows(folder, randomRows(2, 1));
    await onSmallDisk('128k', async (disk) => {
      await failsClearly(finetune(data, join(disk, 'out')), 1, /out\/adapter\/\S+: .*got a full disk/);
      assert.not((await filesOf(disk)).some((name) => /result\.json|adapter_(config|model)/.test(name)));
    });
  }),
);

testWithDisk('a study that fills the disk names the file, and goes on when there is room', () =>
  inTemporaryFolder(async (folder) => {
    const undisturbed = await tinyStudy(folder, ['--study', join(folder, 'undisturbed')]);
    await resultOf(...undisturbed);
    await onSmallDisk('192k', async (disk, grow) => {
      const study = join(disk, 'study');
      const command = await tinyStudy(folder, ['--study', study]);
      await failsClearly([...command, '--quiet'], 1, /got a full disk/, new RegExp(study));
      grow('64m');
      await resultOf(...command);
      assert.equal(await timelessBytes(study), await timelessBytes(join(folder, 'undisturbed')));
      assert.equal(await filesOf(study), await filesOf(join(folder, 'undisturbed')));
    });
  }),
);

test.run();
