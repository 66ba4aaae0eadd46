import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readRows } from '../../../training/data/files/rows.ts';
import { downloadDataset, filesOfSplit, isDatasetName } from '../../../training/hub/datasets.ts';
import { startHub } from '../../cases/hubServer.ts';
import { inTemporaryFolder } from '../../cases/temporaryFolder.ts';
import { throwsClearly } from '../../oracles/throws.ts';

const questions = await readFile(new URL('../../../fixtures/parquet/questions.parquet', import.meta.url));
const jsonLines = Buffer.from('{"question": "a", "answer": "b"}\n');

test('a split of a dataset is downloaded once, into the cache that is shared', () =>
  inTemporaryFolder(async (cache) => {
    const files = new Map([
      ['README.md', Buffer.from('# Sums')],
      ['main/train-00000-of-00002.parquet', questions],
      ['main/train-00001-of-00002.parquet', questions],
      ['main/test-00000-of-00001.parquet', questions],
    ]);
    const hub = await startHub({ repo: 'org/sums', kind: 'datasets', files });
    const environment = { HF_ENDPOINT: hub.url, HF_HUB_CACHE: cache };
    try {
      const train = await downloadDataset('org/sums', 'train', { environment });
      assert.equal(
        train.map((file) => file.slice(cache.length)),
        [0, 1].map((part) => `/datasets--org--sums/snapshots/${hub.commit}/main/train-0000${part}-of-00002.parquet`),
      );
      for (const file of train) assert.is((await readRows(file)).length, 12);
      const asked = hub.requests.length;
      assert.equal(await downloadDataset('org/sums:main', 'train', { environment }), train);
      assert.is(hub.requests.length, asked);
      await throwsClearly(
        () => downloadDataset('org/sums', 'validation', { environment }),
        /split validation of org\/sums: expected .*, got train, test; say which one with `split`/,
      );
      await throwsClearly(
        () => downloadDataset('org/none', 'train', { environment }),
        /org\/none: expected the dataset org\/none on .*, got status 404/,
      );
    } finally {
      await hub.close();
    }
    // Without the hub what was downloaded is there.
    const offline = { ...environment, HF_HUB_OFFLINE: '1' };
    assert.is((await downloadDataset('org/sums', 'train', { environment: offline })).length, 2);
    await throwsClearly(() => downloadDataset('org/sums', 'test', { environment: offline }), /split test of org\/sums/);
    // A download that was interrupted leaves a part of a split, which is not the split.
    await rm(join(cache, 'datasets--org--sums', 'snapshots', hub.commit, 'main', 'train-00001-of-00002.parquet'));
    await throwsClearly(
      () => downloadDataset('org/sums', 'train', { environment: offline }),
      /split train of org\/sums: expected 2 files main\/train-\*-of-00002\.parquet, got 1/,
    );
  }));

test('a file of a split whose name cannot be a path here is refused by name, and not left out', () =>
  throwsClearly(
    async () => filesOfSplit('org/data', ['train-a.parquet', 'train-b?.parquet'], 'train'),
    /split train of org\/data: expected files with names .*, got train-b\?\.parquet/,
  ));

test('a token goes to the hub alone, and a private dataset without one is refused', () =>
  inTemporaryFolder(async (cache) => {
    const files = new Map([['train.jsonl', jsonLines]]);
    const hub = await startHub({ repo: 'org/own', kind: 'datasets', files, token: 'secret' });
    const environment = { HF_ENDPOINT: hub.url, HF_HUB_CACHE: cache, HF_TOKEN_PATH: `${cache}/none` };
    try {
      await throwsClearly(
        () => downloadDataset('org/own', 'train', { environment }),
        /status 401.*private repositories need HF_TOKEN/,
      );
      const files = await downloadDataset('org/own', 'train', { environment: { ...environment, HF_TOKEN: 'secret' } });
      assert.equal((await readRows(files[0]!))[0]!.row, { question: 'a', answer: 'b' });
    } finally {
      await hub.close();
    }
  }));

test('splits are told by names as the package datasets tells them', () => {
  const split = (paths: string[], name: string, configuration?: string) =>
    filesOfSplit('org/data', paths, name, configuration);
  assert.equal(split(['data/train-00000-of-00001.parquet', 'data/test.parquet'], 'test'), ['data/test.parquet']);
  assert.equal(split(['train/a.jsonl', 'train/b.jsonl', 'dev/a.jsonl'], 'validation'), ['dev/a.jsonl']);
  assert.equal(split(['rows.jsonl', 'more.jsonl'], 'train'), ['more.jsonl', 'rows.jsonl']);
  // Parquet before JSON: the hub has both of many datasets.
  assert.equal(split(['train.json', 'train.parquet'], 'train'), ['train.parquet']);
  assert.equal(split(['train.jsonl.gz'], 'train'), ['train.jsonl.gz']);
  assert.equal(split(['a/train.parquet', 'b/train.parquet'], 'train', 'b'), ['b/train.parquet']);
  assert.equal(split(['data/train_sft-0.parquet', 'data/test_sft-0.parquet'], 'train_sft'), [
    'data/train_sft-0.parquet',
  ]);
  assert.throws(
    () => split(['a/train.parquet', 'b/train.parquet'], 'train'),
    /expected one configuration, got a, b; name one, org\/data:a/,
  );
  assert.throws(() => split(['a/train.parquet'], 'train', 'b'), /got configurations a/);
  assert.throws(() => split(['a.csv'], 'train'), /expected Parquet or JSON files of that split, got no such file/);
});

test('names of datasets are told from files', () => {
  assert.equal(
    [
      'openai/gsm8k',
      'openai/gsm8k:main',
      'a/b@v1',
      'data/rows.jsonl',
      'data/rows.parquet',
      './a/b',
      '../a',
      'rows',
    ].map(isDatasetName),
    [true, true, true, false, false, false, false, false],
  );
});

test.run();
