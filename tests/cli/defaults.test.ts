import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { sharpnessDefaults, updateDefaults } from '../../analysis/curvature/defaults.ts';
import { thresholdDefaults } from '../../analysis/rates/thresholds.ts';
import { recommendDefaults } from '../../analysis/recommend/defaults.ts';
import { reportFigureNames } from '../../analysis/report/report.ts';
import { runFigureNames } from '../../analysis/report/runPage.ts';
import { allCommands } from '../../cli/index.ts';
import { parseAdapter } from '../../cli/options/adapterOptions.ts';
import { parseSchedule, parseTraining } from '../../cli/options/runOptions.ts';
import { parseStudy } from '../../cli/options/studyInputs.ts';
import { studyOptions } from '../../cli/options/studyOptions.ts';
import { engineDefaults } from '../../compute/backends/executable.ts';
import { densityDefaults, lanczosDefaults, traceDefaults } from '../../numerics/krylov/defaults.ts';
import { usualStudy } from '../../study/options.ts';
import { usualPredictors, usualSpectra } from '../../study/plan/measurements.ts';
import { planStudy } from '../../study/planStudy.ts';
import { automaticGrid } from '../../study/search/extend.ts';
import { validateDefaults } from '../../study/validate/validate.ts';
import { adapterDefaults } from '../../training/adapters/defaults.ts';
import { adapterMethods } from '../../training/adapters/index.ts';
import { rowDefaults } from '../../training/data/tokenRow.ts';
import { generationDefaults } from '../../training/generate/sampling.ts';
import { loadModel } from '../../training/model.ts';
import { adamDefaults } from '../../training/optimizers/adamw.ts';
import { groupDefaults } from '../../training/optimizers/groups.ts';
import { optimizerNames, optimizerSettings } from '../../training/optimizers/index.ts';
import { loftDefaults } from '../../training/optimizers/loft.ts';
import { scheduleDefaults, scheduleNames } from '../../training/optimizers/schedules.ts';
import { sgdDefaults } from '../../training/optimizers/sgd.ts';
import { taskFamilies } from '../../training/tasks/index.ts';
import { commandLine, parsedWith } from '../cases/commandLine.ts';
import { inTemporaryFolder } from '../cases/temporaryFolder.ts';
import { randomRows, referencePath, writeRows } from '../cases/tokenFiles.ts';

/** What a study and its sweep take where an option is not given. */
function ofStudies(command: string): Record<string, unknown> {
  const { methods, optimizer, seeds, seedsNearBest, refinements, grid, mostRates } = usualStudy;
  const { tokens, tolerance, warmup } = usualSpectra;
  const all = {
    ...{ methods, optimizer, seeds: seeds.length, seed: seeds[0], 'seeds-near-best': seedsNearBest },
    ...{ refine: refinements, lr: grid === automaticGrid ? 'auto' : grid, extend: mostRates > 0 },
    ...{ 'curvature-tokens': tokens, tolerance, warmup: warmup.steps, 'warmup-lr': warmup.learningRate },
    ...{ predictors: usualPredictors.names, 'probe-budget': usualPredictors.probeBudget },
  };
  return Object.fromEntries(Object.entries(all).map(([name, value]) => [`${command} ${name}`, value]));
}

/** What the library takes where an option is not given, by the option; `COMMAND OPTION` where commands differ. */
const library: Readonly<Record<string, unknown>> = {
  ...{ precision: engineDefaults.precision, backend: engineDefaults.backend, threads: engineDefaults.threads },
  ...{ 'max-length': rowDefaults.maxLength, 'batch-size': rowDefaults.batchSize, 'train-on': rowDefaults.trainOn },
  ...{ betas: adamDefaults.betas, 'weight-decay': groupDefaults.weightDecay, momentum: sgdDefaults.momentum },
  schedule: scheduleDefaults.schedule,
  ...{ 'max-new-tokens': generationDefaults.maxNewTokens, temperature: generationDefaults.temperature },
  ...{ 'top-p': generationDefaults.topP, 'generate seed': generationDefaults.seed },
  ...{ 'spectrum tolerance': lanczosDefaults.tolerance, 'max-products': lanczosDefaults.maxSteps },
  'trace-products': traceDefaults.products,
  ...{ 'density-probes': densityDefaults.probes, 'density-steps': densityDefaults.steps },
  ...{ directions: updateDefaults.directions, 'sharpness-tokens': sharpnessDefaults.tokens },
  'spectrum momentum': thresholdDefaults.momentum,
  ...{ by: recommendDefaults.by, budget: recommendDefaults.budget, prior: recommendDefaults.prior },
  ...ofStudies('study'),
  ...ofStudies('sweep'),
  ...{
    'validate tests': validateDefaults.tests,
    'validate steps': validateDefaults.steps,
    'validate seeds': validateDefaults.seeds.length,
  },
  'sharp-modules': validateDefaults.sharpModules,
  'recommend warmup': recommendDefaults.warmup.steps,
  'recommend warmup-lr': recommendDefaults.warmup.learningRate,
};

/** Options whose settings the library leaves to its caller: whole commands, options, and options of a command. */
const ofTheCommandLine = new Set([
  ...['pretrain', 'data', 'setup', 'doctor', 'convert', 'merge as', 'figure', 'serve', 'predict format'],
  ...['seed', 'shuffle', 'optimizer', 'operator', 'warmup', 'warmup-lr', 'workers'],
]);

const typed = (value: unknown): string =>
  Array.isArray(value) ? value.join() : typeof value === 'number' ? `${Number(value)}` : String(value);

test('an option has the default of the library, or one of the command line alone', async () => {
  for (const { usage, options } of await allCommands()) {
    const command = usage.split(' ')[0]!;
    for (const [name, { default: parsed, defaultDescription }] of Object.entries(options)) {
      const standard = parsed ?? defaultDescription;
      if (standard === undefined) continue;
      const own = [`${command} ${name}`, name].find((key) => Object.hasOwn(library, key));
      const shown = /^[\d.e-]+$/.test(String(standard)) ? Number(standard) : standard;
      if (own !== undefined && !ofTheCommandLine.has(command))
        assert.is(typed(shown), typed(library[own]), `--${name} of ${command}`);
      else
        assert.ok(
          [command, name, `${command} ${name}`].some((key) => ofTheCommandLine.has(key)),
          `--${name} of ${command}`,
        );
    }
  }
});

test('what has no default of yargs has that of the library too', () => {
  const { initSeed: _, ...size } = adapterDefaults;
  assert.equal(parseAdapter({}), size);
  assert.is(parseSchedule({ schedule: 'linear' }).warmupRatio, scheduleDefaults.warmupRatio);
  const usual = { betas: '0.9,0.99', 'weight-decay': '0', momentum: '0', schedule: 'linear' };
  for (const [optimizer, { eps }] of Object.entries({ adamw: adamDefaults, loft: loftDefaults }))
    assert.is(optimizerSettings(optimizer, parseTraining({ optimizer, ...usual })).eps, eps);
});

test('a study without options has the plan of the command line without options', () =>
  inTemporaryFolder(async (folder) => {
    const data = await writeRows(folder, randomRows(12, 1));
    const { value, stderr } = await parsedWith(studyOptions, parseStudy, '--data', data);
    assert.ok(value, stderr);
    await using model = await loadModel(referencePath('models/llama'), { threads: 1 });
    const typed = await planStudy(model, { ...value, model });
    const { plan } = await planStudy(model, { data: [data] });
    assert.equal(typed.plan, plan);
  }));

test('the help names all that can be named', async () => {
  const helpOf = async (command: string) => (await commandLine([command, '--help'])).stdout.replace(/\s+/g, ' ');
  const finetune = await helpOf('finetune');
  const names = [adapterMethods, taskFamilies].map((all) => all.map(({ name }) => name));
  for (const all of [...names, optimizerNames, scheduleNames]) assert.ok(finetune.includes(all.join(', ')), `${all}`);
  for (const all of [reportFigureNames, runFigureNames])
    assert.ok((await helpOf('figure')).includes(all.join(', ')), `${all}`);
  const residual = adapterMethods.filter(({ keepsFunctionBy }) => keepsFunctionBy === 'residualWeight');
  assert.ok((await helpOf('merge')).includes(`(${residual.map(({ name }) => name).join(', ')})`));
});

test.run();
