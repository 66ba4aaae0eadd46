import { mkdir, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { hubCacheFolder, hubToken, isOffline } from '../../../training/hub/environment.ts';
import { inTemporaryFolder } from '../../cases/temporaryFolder.ts';
import { throwsClearly } from '../../oracles/throws.ts';

// As huggingface_hub 1.24 reads them.
const caches: readonly (readonly [environment: Record<string, string>, folder: string])[] = [
  [{ HOME: '/people/a' }, '/people/a/.cache/huggingface/hub'],
  [{}, join(homedir(), '.cache/huggingface/hub')],
  [{ HOME: '/people/a', HF_HOME: '~/hf' }, '/people/a/hf/hub'],
  [{ HOME: '/people/a', HF_HOME: '~' }, '/people/a/hub'],
  [{ HOME: '/people/a', HF_HOME: '/data/~/hf' }, '/data/~/hf/hub'],
  // biome-ignore lint/suspicious/noTemplateCurlyInString: as a shell has it
  [{ HOME: '/people/a', HF_HOME: '$SCRATCH/${WHO}/hf', SCRATCH: '/scratch', WHO: 'a' }, '/scratch/a/hf/hub'],
  [{ HOME: '/people/a', HF_HOME: '/$NOT_SET/hf' }, '/$NOT_SET/hf/hub'],
  [{ HOME: '/people/a', XDG_CACHE_HOME: '~/cache' }, '/people/a/cache/huggingface/hub'],
  [{ HOME: '/people/a', XDG_CACHE_HOME: '/x', HF_HOME: 'hf' }, 'hf/hub'],
  [{ HOME: '/people/a', HF_HOME: '/y', HF_HUB_CACHE: '~/models' }, '/people/a/models'],
  [{ HOME: '/people/a', HUGGINGFACE_HUB_CACHE: '~/old', HF_HUB_CACHE: '' }, '/people/a/old'],
];

for (const [environment, folder] of caches)
  test(`${JSON.stringify(environment)} keeps models in ${folder}`, () =>
    assert.is(hubCacheFolder(environment), folder));

test('HF_HUB_OFFLINE and TRANSFORMERS_OFFLINE', () => {
  assert.equal(
    ['1', 'ON', 'yes', 'True'].map((HF_HUB_OFFLINE) => isOffline({ HF_HUB_OFFLINE })),
    Array(4).fill(true),
  );
  assert.equal(
    ['0', '', 'no'].map((HF_HUB_OFFLINE) => isOffline({ HF_HUB_OFFLINE })),
    Array(3).fill(false),
  );
  assert.ok(isOffline({ TRANSFORMERS_OFFLINE: '1' }));
  assert.not(isOffline({}));
});

test('the token is that of the environment, else that of hf auth login', () =>
  inTemporaryFolder(async (HOME) => {
    assert.is(await hubToken({ HOME }), null);
    const file = join(HOME, '.cache/huggingface/token');
    await mkdir(join(HOME, '.cache/huggingface'), { recursive: true });
    await writeFile(file, 'hf_file\n');
    await writeFile(join(HOME, 'elsewhere'), ' hf_elsewhere ');
    const tokens: readonly (readonly [Record<string, string>, string, string])[] = [
      [{}, 'hf_file', file],
      [{ HF_TOKEN_PATH: '~/elsewhere' }, 'hf_elsewhere', join(HOME, 'elsewhere')],
      [{ HF_TOKEN: 'hf_new\n', HUGGING_FACE_HUB_TOKEN: 'hf_old' }, 'hf_new', 'HF_TOKEN'],
      [{ HF_TOKEN: '', HUGGING_FACE_HUB_TOKEN: 'hf_old' }, 'hf_old', 'HUGGING_FACE_HUB_TOKEN'],
    ];
    for (const [environment, value, source] of tokens)
      assert.equal(await hubToken({ HOME, ...environment }), { value, source });
    assert.is(await hubToken({ HOME, HF_HOME: '~/none' }), null);
    assert.is(await hubToken({ HOME, HF_TOKEN: 'hf_new', HF_HUB_DISABLE_IMPLICIT_TOKEN: '1' }), null);
    await throwsClearly(() => hubToken({ HOME, HF_TOKEN_PATH: HOME }), /expected a readable token, got a folder/);
  }));

test.run();
