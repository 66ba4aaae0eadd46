import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { randomStream } from '../../../compute/index.ts';
import { generate } from '../../../training/generate/generate.ts';
import { loadModel, type Model } from '../../../training/model.ts';
import { architectures, referenceModel } from '../../cases/reference.ts';
import { recomputed } from '../../oracles/recompute.ts';

const folder = new URL('../../../fixtures/families/models/', import.meta.url);
const models = new Map<string, () => Promise<Model>>([
  ...architectures.map((name) => [name, () => referenceModel(name, 'float64')] as const),
  ...readdirSync(folder).map((name) => {
    const path = fileURLToPath(new URL(name, folder));
    return [name, () => loadModel(path, { precision: 'float64', threads: 1 })] as const;
  }),
]);

/** Prompts of these many tokens: in a batch, all but the longest have room left over. */
const lengths = [3, 1, 12, 7, 9];

for (const [name, open] of models)
  for (const temperature of [0, 2])
    test(`${name} continues prompts with a cache as without, ${temperature === 0 ? 'greedily' : 'drawing'}`, async () => {
      await using model = await open();
      const random = randomStream(1, name);
      const prompts = lengths.map((length) => Array.from({ length }, () => random.integer(model.config.vocabSize)));
      const maxNewTokens = 11;
      const options = { temperature, seed: 3, maxNewTokens };
      const generated = await generate(model, prompts, { ...options, stop: new Set() });
      for (const [index, prompt] of prompts.entries()) {
        const expected = await recomputed(model, prompt, maxNewTokens, { temperature, seed: 3, index });
        assert.equal([...generated[index]!.tokens], expected, `prompt ${index}`);
        assert.is(generated[index]!.end, 'length');
      }
    });

test.run();
