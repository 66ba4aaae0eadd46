import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { inTemporaryFolder } from '../cases/temporaryFolder.ts';
import { failsClearly } from '../oracles/commands.ts';

const script = fileURLToPath(new URL('../../cli/lambdamax.mjs', import.meta.url));

test('serve prints where its pages are, answers until Ctrl-C, and then ends at once', () =>
  inTemporaryFolder(async (folder) => {
    await mkdir(join(folder, 'runs'));
    const child = spawn(process.execPath, [script, 'serve', '--port', '0'], { cwd: folder });
    let [stdout, stderr] = ['', ''];
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    const ended = once(child, 'close');
    try {
      for await (const chunk of child.stdout) {
        stdout += chunk;
        if (stdout.endsWith('\n')) break;
      }
      assert.match(stdout, /^http:\/\/127\.0\.0\.1:\d+\/\n$/);
      const page = await (await fetch(stdout.trim())).text();
      assert.match(page, 'Studies in runs');
      assert.match(page, 'There is no study yet');
    } finally {
      child.kill('SIGINT');
    }
    const [code] = await ended;
    assert.is(code, 130, stderr);
    assert.match(stderr, 'interrupted; the pages have ended, and studies go on');
  }));

test('serve refuses a folder that is not there, and a port that is none', () =>
  inTemporaryFolder(async (folder) => {
    const nowhere = join(folder, 'nowhere');
    await failsClearly(['serve', nowhere], 1, /nowhere: expected a folder of studies/, /lambdamax study/);
    await failsClearly(['serve', folder, '--port', '65536'], 2, /--port: expected a whole number from 0 to 65535/);
    await failsClearly(['serve', folder, '--port', 'x'], 2, /--port/);
  }));

test.run();
