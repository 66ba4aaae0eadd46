import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type ValidateOptions, validate } from '../../../study/validate/validate.ts';
import { faultsOf, figuresOf } from '../../cases/pages.ts';
import { referenceModel } from '../../cases/reference.ts';
import { inTemporaryFolder } from '../../cases/temporaryFolder.ts';
import { randomRows, writeRows } from '../../cases/tokenFiles.ts';
import { throwsClearly } from '../../oracles/throws.ts';

const small: ValidateOptions = {
  ...{ rank: 2, targetModules: 'q_proj,v_proj', steps: 2, batchSize: 4, seeds: [0], workers: 1, threads: 1 },
};

async function options(folder: string, more: Partial<ValidateOptions> = {}): Promise<ValidateOptions> {
  return { ...small, data: [await writeRows(folder, randomRows(40, 1))], out: join(folder, 'tests'), ...more };
}

test('all five tests leave an entry each or more, and one page with a figure and a sentence for each', () =>
  inTemporaryFolder(async (folder) => {
    await using model = await referenceModel('llama', 'float32');
    const tests = ['scale', 'sharp-module', 'sgd', 'edge', 'reach'] as const;
    const found = await validate({ ...(await options(folder)), model, tests });
    assert.equal([...new Set(found.tests.map(({ name }) => name))], tests);
    for (const { words, outcome, measured, low, high } of found.tests) {
      assert.ok(['held', 'refuted', 'undecided'].includes(outcome));
      assert.ok(words.endsWith('.'), words);
      if (low !== null && high !== null) assert.ok(low <= measured! && measured! <= high, words);
    }
    const page = await readFile(found.report, 'utf8');
    assert.equal(faultsOf(page), []);
    assert.equal(Object.keys(figuresOf(page)), tests);
    for (const { words } of found.tests) assert.ok(page.includes(words.split(':')[0]!), words);
    const stored = JSON.parse(await readFile(join(found.folder, 'validate.json'), 'utf8')) as typeof found;
    assert.equal(
      stored.tests.map(({ words }) => words),
      found.tests.map(({ words }) => words),
    );
  }));

test('a change of scale: exact for descent and for Adam, whatever the method of LoRA’s form', () =>
  inTemporaryFolder(async (folder) => {
    await using model = await referenceModel('llama', 'float64');
    for (const method of ['lora', 'pissa']) {
      const out = join(folder, method);
      const { tests } = await validate({ ...(await options(folder)), model, method, tests: ['scale'], out });
      assert.equal(
        tests.map(({ optimizer, rateRatio, outcome }) => [optimizer, rateRatio, outcome]),
        [
          ['AdamW', 4, 'refuted'],
          ['SGD', 16, 'held'],
          ['SGD with momentum', 16, 'held'],
        ],
      );
      for (const { lambdaRatio, lossDifference } of tests) {
        assert.ok(Math.abs((lambdaRatio as number) / 16 - 1) < 1e-6);
        assert.ok((lossDifference as number) < 1e-5);
      }
    }
  }));

test('tests that were stopped go on where they were, and find what they would have found', () =>
  inTemporaryFolder(async (folder) => {
    await using model = await referenceModel('llama', 'float32');
    const wanted = { ...(await options(folder)), model, tests: ['scale', 'sharp-module'] as const };
    const stop = new AbortController();
    const reason = new Error('stopped');
    await validate(wanted, {
      signal: stop.signal,
      onProgress: ({ done }) => done === 5 && stop.abort(reason),
    }).then(
      () => assert.unreachable('the tests went to their end'),
      (error: unknown) => assert.is(error, reason),
    );
    const parts = await readdir(join(wanted.out!, 'measured'));
    assert.ok(parts.length >= 3, `${parts.length} parts are kept`);
    const resumed = await validate(wanted);
    assert.ok(existsSync(join(wanted.out!, 'sharp-module', 'report.html')));
    const whole = await validate({ ...wanted, out: join(folder, 'whole') });
    assert.equal(resumed.tests, whole.tests);
  }));

test('what does not fit in the budget is left out by its name, and so is what a method cannot be tested by', () =>
  inTemporaryFolder(async (folder) => {
    await using model = await referenceModel('llama', 'float32');
    const wanted = { ...(await options(folder)), model, tests: ['scale', 'sgd'] as const };
    let price = 0;
    await throwsClearly(() => validate({ ...wanted, budget: 1 }), /`budget`/, /scale|sgd/);
    const found = await validate(
      { ...wanted, budget: 2300 },
      { onPlan: ({ tests }) => (price = tests[0]!.gradientEvaluations) },
    );
    assert.ok(price > 0 && price <= 2300);
    assert.is(found.gradientEvaluations, price);
    assert.equal(
      found.leftOut.map(({ name }) => name),
      ['sgd'],
    );
    assert.match(found.leftOut[0]!.reason, /gradients/);
    await throwsClearly(
      () => validate({ ...wanted, method: 'dora', tests: ['scale'] }),
      /dora/,
      /leave the test of scale/,
    );
    const dora = { ...wanted, method: 'dora', tests: ['scale', 'sharp-module'] as const, out: join(folder, 'dora') };
    const { leftOut, tests } = await validate(dora);
    assert.equal([leftOut.map(({ name }) => name), tests.map(({ name }) => name)], [['scale'], ['sharp-module']]);
  }));

test('more sharp modules than there are modules are refused before anything is measured', () =>
  inTemporaryFolder(async (folder) => {
    await using model = await referenceModel('llama', 'float32');
    const wanted = { ...(await options(folder)), model, tests: ['scale', 'sharp-module'] as const, sharpModules: 100 };
    await throwsClearly(() => validate(wanted, { onPlan: () => assert.unreachable() }), /sharpModules/, /at most 4/);
  }));

test('options that are none are refused before anything is opened', async () => {
  const refused: readonly (readonly [ValidateOptions, RegExp])[] = [
    [{ tests: [] }, /tests/],
    [{ tests: ['T9' as never] }, /tests/],
    [{ steps: 0 }, /steps/],
    [{ sharpModules: 1.5 }, /sharpModules/],
    [{ seeds: [] }, /seeds/],
    [{ budget: 0 }, /budget/],
  ];
  for (const [wrong, words] of refused)
    await throwsClearly(() => validate({ ...wrong, model: '/no/such/model' }), words);
});

test.run();
