import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ArgumentError } from '../../errors.ts';
import { readStudy } from '../../study/folder/record.ts';
import { runStudy, type StudyOptions } from '../../study/index.ts';
import { planStudy } from '../../study/planStudy.ts';
import { loadModel } from '../../training/model.ts';
import { inTemporaryFolder } from '../cases/temporaryFolder.ts';
import { randomRows, referencePath, writeRows } from '../cases/tokenFiles.ts';
import { throwsClearly } from '../oracles/throws.ts';

const model = await loadModel(referencePath('models/llama'), { threads: 1 });
test.after(() => model.release());

/** A study of seconds, as a script asks for it. */
async function tiny(folder: string): Promise<StudyOptions> {
  return {
    model,
    data: [await writeRows(folder, randomRows(6, 1))],
    study: join(folder, 'study'),
    ...{ methods: ['lora', 'pissa'], ranks: [2], steps: [2], batchSizes: [2] },
    ...{ grid: [1e-3, 1e-2], seeds: [0, 1], mostRates: 0, refinements: 0 },
    ...{ workers: 1, threads: 1, spectra: null, predictors: null },
  };
}

const wrong: readonly [options: object, words: RegExp][] = [
  [{ ranks: [2, 0] }, /^ranks: expected a whole number >= 1, got 0/],
  [{ ranks: ['8'] }, /^ranks: expected a whole number >= 1, got 8/],
  [{ ranks: [] }, /^ranks: expected a whole number >= 1, got none/],
  [{ methods: [] }, /^methods: expected the name of a LoRA variant, got none/],
  [{ alphas: ['0r'] }, /^alphas: expected a number > 0, or 2r for twice the rank, got 0r/],
  [{ steps: [2.5] }, /^steps: expected a whole number >= 1, got 2\.5/],
  [{ optimizers: ['nope'] }, /^optimizers: expected one of .*, got nope/],
  [{ grid: [1e-3, Number.NaN] }, /^grid: expected learning rates above 0, got NaN/],
  [{ grid: [] }, /^grid: expected learning rates above 0, got none/],
  [{ seeds: [0, 0.5] }, /^seeds: expected whole numbers >= 0, got 0\.5/],
  [
    { ranks: [2, 4], methods: undefined, configurations: [{}] },
    /^ranks: expected one value beside `configurations`, got \[2,4\]/,
  ],
];

test('a wrong list is an ArgumentError that names it, before anything is written', () =>
  inTemporaryFolder(async (folder) => {
    const options = await tiny(folder);
    for (const [changes, words] of wrong) {
      const asked = { ...options, ...changes } as StudyOptions;
      await throwsClearly(() => runStudy(asked), words);
      const [outcome] = await Promise.allSettled([planStudy(model, asked)]);
      assert.instance((outcome as PromiseRejectedResult).reason, ArgumentError);
    }
    const rows = { ...options, methods: ['lora'], configurations: [{}, { rank: 0 }] };
    await throwsClearly(() => runStudy(rows), /^rank of configuration 2 of configurations: expected a whole number/);
    assert.not(existsSync(options.study!));
  }));

test('rates come in their order, and rates, seeds and configurations each once', () =>
  inTemporaryFolder(async (folder) => {
    const { methods: _, ...options } = await tiny(folder);
    const asked = { ...options, grid: [1e-2, 1e-3, 1e-2], seeds: [3, 0, 3] };
    const configurations = [{ rank: 2, alpha: undefined }, { alpha: 16 }, { method: undefined }, { alpha: '8r' }];
    const { plan } = await planStudy(model, { ...asked, configurations });
    assert.equal(
      [plan.grid, plan.seeds],
      [
        [1e-3, 1e-2],
        [3, 0],
      ],
    );
    assert.equal(
      plan.configurations.map(({ method, rank, alpha }) => [method, rank, alpha]),
      [['lora', 2, 16]],
    );
  }));

test('an aborted study throws the reason, keeps what is done, and goes on to the same end', () =>
  inTemporaryFolder(async (folder) => {
    const options = await tiny(folder);
    const whole = await runStudy({ ...options, study: join(folder, 'whole') });
    const reason = new Error('enough');
    let [made, turns] = [0, 0];
    for (; made < whole.runs.length && turns < 20; turns++) {
      const controller = new AbortController();
      let events = 0;
      const ended = runStudy(options, {
        signal: controller.signal,
        onProgress: ({ run }) => {
          if (run?.event !== 'found' && ++events > 3 + turns) controller.abort(reason);
        },
      });
      const [outcome] = await Promise.allSettled([ended]);
      if (outcome!.status === 'rejected') assert.is(outcome!.reason, reason);
      const { runs } = await readStudy(options.study!);
      assert.ok(runs.length >= made);
      made = runs.length;
      assert.not(existsSync(join(options.study!, '.lock')));
    }
    assert.ok(turns > 2 && turns < 20, `${turns} turns`);
    const { runs, prediction } = await runStudy(options);
    assert.equal(
      runs.map(({ key, result }) => [key, result.finalLoss]),
      whole.runs.map(({ key, result }) => [key, result.finalLoss]),
    );
    assert.equal(prediction.points, whole.prediction.points);
  }));

test.run();
