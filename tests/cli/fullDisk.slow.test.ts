import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { cp, open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { commandLine } from '../cases/commandLine.ts';
import { canMount, onSmallDisk } from '../cases/smallDisk.ts';
import { inTemporaryFolder } from '../cases/temporaryFolder.ts';
import { filesOf, timelessBytes, tinyStudy } from '../cases/tinyStudy.ts';
import { randomRows, referencePath, writeRows } from '../cases/tokenFiles.ts';
import { failsClearly, resultOf } from '../oracles/commands.ts';

const finetune = (data: string, out: string) => [
  ...['finetune', '--model', referencePath('models/llama'), '--threads', '1', '--data', data, '--out', out, '--quiet'],
  ...['--method', 'pissa', '--rank', '16', '--lr', '1e-3', '--steps', '2'],
];

const testWithDisk = canMount ? test : test.skip;

testWithDisk('metrics on a full disk end a run, which then has no result', () =>
  inTemporaryFolder(async (folder) => {
    const data = await writeRows(folder, randomRows(2, 1));
    await onSmallDisk('8k', async (disk) => {
      // One page is left, and the lock of the folder takes it.
      await writeFile(join(disk, 'ballast'), new Uint8Array(4096));
      const out = join(disk, 'out');
      await failsClearly(finetune(data, out), 1, /out\/metrics\.jsonl: expected a writable file, got a full disk/);
      assert.equal(await readdir(out), ['metrics.jsonl']);
    });
  }),
);

(existsSync('/dev/full') ? test : test.skip)(
  'a result that cannot be printed is one line and exit code 1',
  async () => {
    const full = await open('/dev/full', 'w');
    const script = fileURLToPath(new URL('../../cli/lambdamax.mjs', import.meta.url));
    const child = spawn(process.execPath, [script, 'data', '--limit', '3'], { stdio: ['ignore', full.fd, 'pipe'] });
    const said = text(child.stderr!);
    assert.equal(await once(child, 'exit'), [1, null]);
    assert.is(await said, 'lambdamax: standard output: expected to be written, got a full disk\n');
    await full.close();
  },
);

test('a run goes on when nobody reads its progress any more', () =>
  inTemporaryFolder(async (folder) => {
    const data = await writeRows(folder, randomRows(2, 1));
    const script = fileURLToPath(new URL('../../cli/lambdamax.mjs', import.meta.url));
    const run = [
      'finetune',
      '--model',
      referencePath('models/llama'),
      '--threads',
      '1',
      '--data',
      data,
      '--method',
      'lora',
    ];
    const options = ['--rank', '2', '--lr', '1e-3', '--steps', '100', '--out', join(folder, 'out')];
    const child = spawn(process.execPath, [script, ...run, ...options], { stdio: ['ignore', 'ignore', 'pipe'] });
    child.stderr!.once('data', () => child.stderr!.destroy());
    assert.equal(await once(child, 'exit'), [0, null]);
    assert.ok(existsSync(join(folder, 'out', 'result.json')));
  }));

testWithDisk('an adapter that does not fit on the disk leaves nothing that could be taken for one', () =>
  inTemporaryFolder(async (folder) => {
    const data = await writeRows(folder, randomRows(2, 1));
    await onSmallDisk('96k', async (disk) => {
      await failsClearly(finetune(data, join(disk, 'out')), 1, /out\/adapter\/\S+: .*got a full disk/);
      assert.not((await filesOf(disk)).some((name) => /result\.json|adapter_(config|model)/.test(name)));
    });
  }),
);

testWithDisk('a prediction that does not fit on the disk is shown, and is a failure', () =>
  inTemporaryFolder(async (folder) => {
    const study = join(folder, 'study');
    await resultOf(...(await tinyStudy(folder, ['--study', study])));
    await rm(join(study, 'report.html'));
    await onSmallDisk('8m', async (disk) => {
      await cp(study, join(disk, 'study'), { recursive: true });
      const file = join(disk, 'study', 'prediction.json');
      const before = await readFile(file);
      await writeFile(join(disk, 'ballast'), new Uint8Array(16 * 2 ** 20)).catch(() => {});
      const { code, stdout, stderr } = await commandLine(['predict', join(disk, 'study')]);
      assert.is(code, 1);
      assert.match(stdout, /lora/);
      assert.match(stderr, /prediction\.json: expected a writable file, got a full disk/);
      assert.equal(await readFile(file), before);
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
