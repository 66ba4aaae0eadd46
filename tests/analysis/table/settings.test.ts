import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { predict } from '../../../analysis/rates/predictor.ts';
import { readSweepCsv } from '../../../analysis/rates/sweepCsv.ts';
import { curve, optimaOf, readingOf, table } from '../../cases/tables.ts';
import { inTemporaryFolder } from '../../cases/temporaryFolder.ts';
import { throwsClearly } from '../../oracles/throws.ts';

// Whatever a run was asked to do is part of its configuration, under whatever name.
const settings = [
  'batch_size',
  'per_device_train_batch_size',
  'lora_alpha',
  'alpha',
  'r',
  'lora_r',
  'model',
  'model_name_or_path',
];
settings.push(
  'task',
  'dataset',
  'optimizer',
  'optim',
  'scheduler',
  'lr_scheduler_type',
  'warmup_ratio',
  'weight_decay',
  'steps',
);
settings.push(
  'num_train_epochs',
  'max_steps',
  'target_modules',
  'lora_dropout',
  'precision',
  'maxLength',
  'optimizer_name',
);
settings.push('params_beta', 'config/gamma', 'params.shape', 'config.inner.delta', 'beta1');
for (const setting of settings)
  test(`runs that differ in ${setting} are not averaged`, async () => {
    const [a, b] = /rank|size|alpha|r$|steps|epochs|decay|ratio|dropout|beta|gamma|delta|Length/.test(setting)
      ? ['1', '2']
      : ['one', 'two'];
    const text = table(
      `method,learningRate,${setting},score`,
      curve(1e-3, (rate, loss) => `lora,${rate},${a},${loss}`),
      curve(1e-4, (rate, loss) => `lora,${rate},${b},${loss}`),
    );
    const found = await optimaOf(text, { scoreDirection: 'lower' });
    assert.equal(Object.values(found), ['0.0010', '0.00010'], JSON.stringify(found));
    for (const [i, name] of Object.keys(found).entries())
      assert.ok(name.startsWith('lora, ') && name.endsWith(` ${[a, b][i]}`), name);
  });

test('what came of a run, and what it was called, is no setting', async () => {
  const header =
    'method,learningRate,score,seed,finalLoss,key,time,train/loss,eval/runtime,name,_timestamp,grad_norm,lambda_max';
  const lines = [0, 1].map((seed) =>
    curve(
      1e-3,
      (rate, loss) =>
        `lora,${rate},${loss},${seed},${seed + 3}${rate},k${rate}${seed},${rate}1,${seed},${seed}.5,n${rate}${seed},${seed},2.${seed},10`,
    ),
  );
  assert.equal(await optimaOf(table(header, ...lines), { scoreDirection: 'lower' }), { lora: '0.0010' });
});

test('a column that may or may not be a setting is refused by name, until the user says which', async () => {
  const text = table(
    'method,learningRate,kappa,score',
    curve(1e-3, (rate, loss) => `lora,${rate},0.1,${loss}`),
    curve(1e-4, (rate, loss) => `lora,${rate},0.2,${loss}`),
  );
  await throwsClearly(
    () => readingOf(text),
    /^column kappa of .*: .* it differs among runs of one configuration, got 0\.1, 0\.2; say `columns: setting=kappa` .* else ignore=kappa$/,
  );
  const scoreDirection = 'lower';
  assert.equal(await optimaOf(text, { scoreDirection, given: 'setting=kappa' }), {
    'lora, kappa 0.1': '0.0010',
    'lora, kappa 0.2': '0.00010',
  });
  assert.equal(Object.keys(await optimaOf(text, { scoreDirection, given: 'ignore=kappa' })), ['lora']);
  // Where it is the same for all runs of a configuration it can mix nothing up.
  const apart = text.replaceAll(/lora(.*,0\.2)/g, 'pissa$1');
  assert.equal(await optimaOf(apart, { scoreDirection }), { lora: '0.0010', pissa: '0.00010' });
});

test('settings that never stay the same while the rate changes leave nothing to compare', async () => {
  const drawn = curve(1e-3, (rate, loss) => `lora,${rate},${Number(rate) * 3},${loss}`);
  const text = table('method,learningRate,weight_decay,score', drawn);
  await throwsClearly(
    () => readingOf(text),
    /several learning rates with the same settings, got weight_decay and the rate never apart/,
  );
  assert.equal(await optimaOf(text, { given: 'ignore=weight_decay', scoreDirection: 'lower' }), { lora: '0.0010' });
});

test("the paper's rule compares a method with LoRA at the same settings", async () => {
  const lines = (
    [
      [8, 'lora', 1e-3, 4],
      [64, 'lora', 1e-4, 40],
      [8, 'pissa', 3e-4, 8],
      [64, 'pissa', 3e-5, 80],
    ] as const
  ).map(([rank, method, best, lambda]) => curve(best, (rate, loss) => `${method},${rank},${rate},${loss},${lambda}`));
  await inTemporaryFolder(async (folder) => {
    const path = join(folder, 'table.csv');
    await writeFile(path, table('method,rank,learningRate,score,lambdaMax', ...lines));
    const { points } = predict(readSweepCsv(path, { scoreDirection: 'lower' }));
    const rule = Object.fromEntries(
      points.map(({ configuration, predictions }) => [
        configuration,
        predictions['relative-to-lora']?.learningRate.toPrecision(3),
      ]),
    );
    assert.equal(rule, {
      'lora, rank 8': undefined,
      'lora, rank 64': undefined,
      'pissa, rank 8': '0.000500',
      'pissa, rank 64': '0.0000500',
    });
  });
});

test.run();
