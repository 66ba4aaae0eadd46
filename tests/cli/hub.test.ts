import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { commandLine } from '../cases/commandLine.ts';
import { startHub } from '../cases/hubServer.ts';
import { inTemporaryFolder } from '../cases/temporaryFolder.ts';
import { referencePath } from '../cases/tokenFiles.ts';

test('a command takes the name of a model on the hub, and shows its download', () =>
  inTemporaryFolder(async (folder) => {
    const names = ['config.json', 'model.safetensors'];
    const contents = names.map(
      async (name) => [name, await readFile(join(referencePath('models/llama'), name))] as const,
    );
    const hub = await startHub({ repo: 'tiny/llama', files: new Map(await Promise.all(contents)) });
    const before = { ...process.env };
    Object.assign(process.env, { HF_ENDPOINT: hub.url, HF_HUB_CACHE: folder });
    try {
      const data = join(folder, 'rows.jsonl');
      await writeFile(data, JSON.stringify({ input_ids: [1, 2, 3, 4], labels: [1, 2, 3, 4] }));
      const evaluated = (model: string) =>
        commandLine(['evaluate', '--model', model, '--data', data, '--threads', '1', '--json']);
      const local = await evaluated(referencePath('models/llama'));
      const remote = await evaluated('tiny/llama');
      assert.is(remote.code, 0, remote.stderr);
      assert.is(JSON.parse(remote.stdout).loss, JSON.parse(local.stdout).loss);
      assert.match(remote.stderr, /^tiny\/llama, MB 1\/1/m);
      const again = await evaluated('tiny/llama');
      assert.is(JSON.parse(again.stdout).loss, JSON.parse(local.stdout).loss);
      assert.not.match(again.stderr, /MB/);
    } finally {
      await hub.close();
      for (const name of ['HF_ENDPOINT', 'HF_HUB_CACHE'])
        if (before[name] === undefined) delete process.env[name];
        else process.env[name] = before[name];
    }
  }));

test('a command takes the name of a dataset on the hub, and a split of it', () =>
  inTemporaryFolder(async (folder) => {
    const row = (token: number) => `${JSON.stringify({ input_ids: [1, 2, token, 4] })}\n`;
    const files = new Map([
      ['train.jsonl', Buffer.from(row(3))],
      ['test.jsonl', Buffer.from(row(5))],
    ]);
    const hub = await startHub({ repo: 'tiny/rows', kind: 'datasets', files });
    const before = { ...process.env };
    Object.assign(process.env, { HF_ENDPOINT: hub.url, HF_HUB_CACHE: folder });
    try {
      const evaluated = async (...data: readonly string[]) => {
        const model = ['--model', referencePath('models/llama'), '--threads', '1'];
        const { code, stdout, stderr } = await commandLine(['evaluate', ...model, '--json', ...data]);
        assert.is(code, 0, stderr);
        return (JSON.parse(stdout) as { loss: number }).loss;
      };
      const data = join(folder, 'rows.jsonl');
      for (const [split, token] of [
        [[], 5],
        [['--split', 'train'], 3],
      ] as const) {
        await writeFile(data, row(token));
        assert.is(await evaluated('--data', 'tiny/rows', ...split), await evaluated('--data', data));
      }
      const { code, stderr } = await commandLine(['evaluate', '--split', 'test']);
      assert.equal([code, stderr.includes('--split: expected --data org/name beside it')], [2, true]);
    } finally {
      await hub.close();
      for (const name of ['HF_ENDPOINT', 'HF_HUB_CACHE'])
        if (before[name] === undefined) delete process.env[name];
        else process.env[name] = before[name];
    }
  }));

test.run();
