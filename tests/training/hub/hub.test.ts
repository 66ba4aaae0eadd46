import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { evaluate } from '../../../training/evaluate.ts';
import { downloadModel, isHubName } from '../../../training/hub/hub.ts';
import { loadModel } from '../../../training/model.ts';
import { type HubOptions, type HubServer, startHub } from '../../cases/hubServer.ts';
import { referenceBatch, referenceRows } from '../../cases/reference.ts';
import { inTemporaryFolder } from '../../cases/temporaryFolder.ts';
import { relativeError } from '../../oracles/relativeError.ts';
import { throwsClearly } from '../../oracles/throws.ts';

const llama = 'fixtures/reference/models/llama';
const repo = 'tiny/llama';

async function llamaFiles(): Promise<Map<string, Uint8Array>> {
  const names = ['config.json', 'model.safetensors'];
  return new Map(await Promise.all(names.map(async (name) => [name, await readFile(join(llama, name))] as const)));
}

/** A hub with the reference's Llama, and an environment in which it is the hub and a folder of its own the cache. */
async function onHub(
  options: Partial<HubOptions>,
  action: (hub: HubServer, environment: Record<string, string>, folder: string) => Promise<void>,
): Promise<void> {
  await inTemporaryFolder(async (folder) => {
    const hub = await startHub({ repo, files: await llamaFiles(), ...options });
    try {
      await action(hub, { HF_ENDPOINT: `${hub.url}/`, HF_HUB_CACHE: folder }, folder);
    } finally {
      await hub.close();
    }
  });
}

test('a model is downloaded by its name, once, and computes what it should', () =>
  onHub({}, async (hub, environment, cache) => {
    const progress: [number, number][] = [];
    const directory = await downloadModel(repo, {
      environment,
      onProgress: (received, total) => progress.push([received, total]),
    });
    assert.is(directory, join(cache, 'models--tiny--llama', 'snapshots', hub.commit));
    assert.is(await readFile(join(cache, 'models--tiny--llama', 'refs', 'main'), 'utf8'), hub.commit);
    await using model = await loadModel(directory, { precision: 'float64', threads: 1 });
    const { loss } = await evaluate(model, referenceRows('llama'), { batchSize: 3 });
    assert.ok(relativeError([loss], [referenceBatch('llama').loss]) < 1e-9, `loss ${loss}`);

    const total = [...(await llamaFiles()).values()].reduce((sum, bytes) => sum + bytes.length, 0);
    assert.equal(progress.at(-1), [total, total]);
    assert.ok(progress.every(([received], at) => at === 0 || received >= progress[at - 1]![0]));
    const requests = hub.requests.length;
    assert.is(await downloadModel(`${repo}@main`, { environment, onProgress: () => assert.unreachable() }), directory);
    assert.is(hub.requests.length, requests, 'nothing is downloaded twice');
    // As huggingface_hub for Python lays it out: contents under their hash, links to them under their names.
    assert.is((await readdir(join(cache, 'models--tiny--llama', 'blobs'))).length, 2);
  }));

test('shards are downloaded, those of the index and no other file', () =>
  inTemporaryFolder(async (folder) => {
    const index = { weight_map: { a: 'model-00001-of-00002.safetensors', b: 'model-00002-of-00002.safetensors' } };
    const text = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
    const files = new Map([
      ['config.json', text({})],
      ['model.safetensors.index.json', text(index)],
      ['model-00001-of-00002.safetensors', new Uint8Array(9000)],
      ['model-00002-of-00002.safetensors', new Uint8Array(0)],
      ['model-00003-of-00003.safetensors', new Uint8Array(5)],
      ['pytorch_model.bin', new Uint8Array(7)],
      ['tokenizer.json', text({ model: {} })],
    ]);
    const hub = await startHub({ repo, files });
    const directory = await downloadModel(repo, { environment: { HF_ENDPOINT: hub.url, HF_HOME: folder } });
    await hub.close();
    assert.ok(directory.startsWith(join(folder, 'hub')));
    assert.equal((await readdir(directory)).sort(), [
      ...['config.json', 'model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'],
      ...['model.safetensors.index.json', 'tokenizer.json'],
    ]);
    assert.is((await readFile(join(directory, 'model-00001-of-00002.safetensors'))).length, 9000);
  }));

test('further chat templates are downloaded from their folder, and nothing else of it', () =>
  inTemporaryFolder(async (folder) => {
    const text = (value: string) => new TextEncoder().encode(value);
    const files = new Map([
      ...(await llamaFiles()),
      ['added_tokens.json', text('{}')],
      ['additional_chat_templates/tool_use.jinja', text('tools')],
      ['additional_chat_templates/notes.md', text('no template')],
      ['additional_chat_templates/../../evil.jinja', text('evil')],
      ['other/tool_use.jinja', text('elsewhere')],
    ]);
    const hub = await startHub({ repo, files });
    const directory = await downloadModel(repo, { environment: { HF_ENDPOINT: hub.url, HF_HUB_CACHE: folder } });
    await hub.close();
    const templates = join(directory, 'additional_chat_templates');
    assert.equal(await readdir(templates), ['tool_use.jinja']);
    assert.is(await readFile(join(templates, 'tool_use.jinja'), 'utf8'), 'tools');
    assert.equal((await readdir(directory)).sort(), [
      ...['added_tokens.json', 'additional_chat_templates', 'config.json', 'model.safetensors'],
    ]);
  }));

test('a connection that breaks is taken up where it broke', () =>
  onHub({ breaksAfter: (request) => (request >= 1 && request <= 3 ? 20_000 : undefined) }, async (hub, environment) => {
    const directory = await downloadModel(repo, { environment });
    assert.ok(
      (await readFile(join(directory, 'model.safetensors'))).equals(await readFile(join(llama, 'model.safetensors'))),
    );
    const starts = hub.requests.slice(1).map((request) => Number(/bytes=(\d+)/.exec(request)?.[1] ?? 0));
    assert.equal(starts, [0, 20_000, 40_000, 60_000]);
  }));

test('what a dead process left behind is gone on with', () =>
  onHub({}, async (hub, environment, cache) => {
    const blobs = join(cache, 'models--tiny--llama', 'blobs');
    await downloadModel(repo, { environment });
    const [hash] = (await readdir(blobs)).filter((name) => name.length === 64);
    const weights = await readFile(join(llama, 'model.safetensors'));
    await inTemporaryFolder(async (other) => {
      const otherBlobs = join(other, 'models--tiny--llama', 'blobs');
      await mkdir(otherBlobs, { recursive: true });
      // No process has such a number; another machine's part is left alone.
      await writeFile(join(otherBlobs, `${hash}.${hostname()}.999999999.incomplete`), weights.subarray(0, 30_000));
      await writeFile(join(otherBlobs, `${hash}.elsewhere.999999999.incomplete`), weights.subarray(0, 50_000));
      const from = hub.requests.length;
      const directory = await downloadModel(repo, { environment: { ...environment, HF_HUB_CACHE: other } });
      assert.ok((await readFile(join(directory, 'model.safetensors'))).equals(weights));
      assert.match(hub.requests.slice(from).find((request) => request.startsWith('model'))!, /bytes=30000-/);
      const left = (await readdir(otherBlobs)).filter((name) => name.endsWith('.incomplete'));
      assert.equal(left, [`${hash}.elsewhere.999999999.incomplete`]);
    });
  }));

test('contents with a wrong hash never appear under their name', () =>
  onHub({ corrupt: (_, bytes) => bytes.map((byte) => byte ^ 1) }, async (_hub, environment, cache) => {
    await throwsClearly(
      () => downloadModel(repo, { environment }),
      /config\.json of tiny\/llama on http.*another hash than [0-9a-f]{40}.*start again/,
    );
    assert.equal(await readdir(join(cache, 'models--tiny--llama', 'blobs')), []);
  }));

test('one corrupt answer is asked for anew', () =>
  onHub({ corrupt: (request, bytes) => (request === 1 ? bytes.map(() => 0) : bytes) }, async (_hub, environment) => {
    const directory = await downloadModel(repo, { environment });
    assert.ok(
      (await readFile(join(directory, 'model.safetensors'))).equals(await readFile(join(llama, 'model.safetensors'))),
    );
  }));

test('a private model needs HF_TOKEN', () =>
  onHub({ token: 'hf_secret' }, async (_hub, environment, cache) => {
    await throwsClearly(() => downloadModel(repo, { environment }), /tiny\/llama: .*status 401.*HF_TOKEN/);
    await throwsClearly(
      () => downloadModel(repo, { environment: { ...environment, HF_TOKEN: 'hf_wrong' } }),
      /status 401.*HF_TOKEN is not valid/,
    );
    assert.not(existsSync(join(cache, 'models--tiny--llama')));
    assert.ok(existsSync(await downloadModel(repo, { environment: { ...environment, HF_TOKEN: 'hf_secret' } })));
  }));

test('without a network the cache must do, and is said to', () =>
  onHub({}, async (hub, environment) => {
    const directory = await downloadModel(repo, { environment });
    await hub.close();
    const notices: string[] = [];
    const onNotice = (sentence: string) => notices.push(sentence);
    assert.is(await downloadModel(repo, { environment, onNotice }), directory);
    assert.match(notices.join(), /does not answer \(.+\): tiny\/llama as it is in the cache/);
    assert.is(await downloadModel(`${repo}@${hub.commit}`, { environment, onNotice }), directory);
    const offline = { ...environment, HF_HUB_OFFLINE: '1' };
    assert.is(await downloadModel(repo, { environment: offline, onNotice: () => assert.unreachable() }), directory);
    await throwsClearly(
      () => downloadModel('tiny/other', { environment: offline }),
      /tiny\/other.*HF_HUB_OFFLINE is set/,
    );
    await throwsClearly(() => downloadModel('tiny/other', { environment }), /ECONNREFUSED.*HF_ENDPOINT/);
  }));

test('a model that is not there, and one without weights to read, are named', async () => {
  await onHub({}, async (_hub, environment) =>
    throwsClearly(() => downloadModel('tiny/none', { environment }), /tiny\/none.*status 404.*is the name right/),
  );
  const files = new Map([
    ['config.json', new Uint8Array(2)],
    ['pytorch_model.bin', new Uint8Array(2)],
  ]);
  await onHub({ files }, async (_hub, environment) =>
    throwsClearly(() => downloadModel(repo, { environment }), /tiny\/llama on .*weights in model\.safetensors/),
  );
});

test("a hub's names for files and hashes do not lead out of the cache", () =>
  inTemporaryFolder(async (folder) => {
    const files = new Map([
      ...(await llamaFiles()),
      ['../evil.json', new Uint8Array(3)],
      ['a/b.json', new Uint8Array(3)],
    ]);
    const hub = await startHub({ repo, files });
    const directory = await downloadModel(repo, { environment: { HF_ENDPOINT: hub.url, HF_HUB_CACHE: folder } });
    await hub.close();
    assert.equal((await readdir(directory)).sort(), ['config.json', 'model.safetensors']);
  }));

test('names on the hub are told from paths', () => {
  const isName = (text: string) => isHubName(text);
  assert.equal(['a/b', 'Qwen/Qwen3-0.6B', 'a/b@main', 'a/b@refs/pr/1'].map(isName), [true, true, true, true]);
  const paths = ['a', './a', '../a', '/a/b', 'a/b/c', 'a/../b', '', 'a/', 'C:\\a', 'a/b@../c', '~/a'];
  assert.equal(paths.filter(isName), []);
});

test.run();
