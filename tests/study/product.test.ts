import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  type CommonSettings,
  type CompleteValues,
  makeConfigurations,
  productOf,
} from '../../study/configurations/product.ts';

const standard = {
  ...{ method: 'lora', rank: 8, alpha: 16, targetModules: 'all-linear' },
  ...{ optimizer: 'adamw', schedule: 'cosine', steps: 20, batchSize: 4 },
} satisfies CompleteValues;

/** The decay rates of each optimizer of a study, by its name. */
function betasOf(asked: CommonSettings['optimizer']): Record<string, readonly number[]> {
  const rows = productOf({ optimizers: ['adamw', 'lion'] }, standard);
  const common = {
    optimizer: asked,
    epochs: 1,
    warmup: { ratio: 0.03 },
    maxGradNorm: null,
    maxLength: 64,
    shuffle: true,
  };
  return Object.fromEntries(
    makeConfigurations(rows, common, 100).map(({ optimizer: { name, betas } }) => [name, betas]),
  );
}

test('in a study of several optimizers each has its own settings where none are asked for', () => {
  assert.equal(betasOf({}), { adamw: [0.9, 0.999], lion: [0.9, 0.99] });
  assert.equal(betasOf({ betas: [0.8, 0.95] }), { adamw: [0.8, 0.95], lion: [0.8, 0.95] });
});

test.run();
