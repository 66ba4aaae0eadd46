import { updateDefaults } from '../../analysis/curvature/defaults.ts';
import { thresholdDefaults } from '../../analysis/rates/thresholds.ts';
import type { PageSpectrum } from '../../analysis/report/pageSpectrum.ts';
import { densityDefaults, lanczosDefaults, traceDefaults } from '../../numerics/krylov/defaults.ts';
import { compareMethods, measureSpectrum, type SpectrumSettings } from '../actions/spectrum.ts';
import type { Arguments, Command } from '../command.ts';
import { commandLine } from '../commandLine.ts';
import { adapterOptions, parseAdapter } from '../options/adapterOptions.ts';
import { demandAdapter, openModel } from '../options/inputs.ts';
import { methodNames } from '../options/names.ts';
import {
  type DataOptions,
  dataOptions,
  engineOptions,
  modelOptions,
  modulesOption,
  parseData,
  parseEngine,
  parseModel,
  parseModules,
  parseWarmup,
  value,
  warmupOptions,
} from '../options/options.ts';
import {
  optimizerOptions,
  parseOptimizer,
  parseSchedule,
  parseWorkerTimeout,
  scheduleOptions,
  workerTimeoutOption,
} from '../options/runOptions.ts';
import { readTrainingRows } from '../options/taskInputs.ts';
import { UsageError } from '../options/usageError.ts';
import { atMostOne, choice, given, list, number, optional, required, text, wholeNumber } from '../options/values.ts';
import { comparisonLines } from '../words/comparisonLines.ts';
import type { Output } from '../words/output.ts';
import { spectrumLines } from '../words/spectrumWords.ts';

// Here the plural is an option of its own.
const { alias: _, ...oneMethod } = adapterOptions.method!;

/** `lambdamax spectrum`: how sharp the loss is. */
export const command: Command = {
  usage: 'spectrum',
  summary: 'Largest and smallest eigenvalue of the Hessian (or Gauss-Newton matrix) of the loss in an adapter',
  options: {
    ...modelOptions,
    ...adapterOptions,
    method: oneMethod,
    methods: {
      ...value('Adapter', 'NAMES', 'several variants instead of --method, each set against vanilla lora'),
      choices: methodNames,
    },
    ...dataOptions,
    ...modulesOption,
    'per-module': { type: 'boolean', group: 'Curvature:', describe: "each module's own block besides" },
    operator: value(
      'Curvature',
      'NAME',
      'hessian; ggn: the Gauss-Newton matrix; adam: preconditioned by second moments after a warm-up',
      'hessian',
    ),
    ...warmupOptions,
    tolerance: value('Curvature', 'X', 'relative error of each end', lanczosDefaults.tolerance),
    'max-products': value(
      'Curvature',
      'N',
      'most products with vectors, for the ends and for --top-k',
      lanczosDefaults.maxSteps,
    ),
    'top-k': value('Curvature', 'K', 'the K largest eigenvalues besides'),
    trace: { type: 'boolean', group: 'Curvature:', describe: 'the trace besides, by Hutch++' },
    'trace-products': value('Curvature', 'N', 'products with vectors for --trace', traceDefaults.products),
    density: { type: 'boolean', group: 'Curvature:', describe: 'the density of all eigenvalues besides' },
    'density-probes': value('Curvature', 'N', 'random vectors for --density', densityDefaults.probes),
    'density-steps': value('Curvature', 'N', 'Lanczos steps, so products, for each', densityDefaults.steps),
    'along-update': {
      type: 'boolean',
      group: 'Curvature:',
      describe: "how the loss bends and falls along Adam's own next step, after --warmup steps, besides",
    },
    directions: value('Curvature', 'N', 'steps from so many batches, for --along-update', updateDefaults.directions),
    steps: value(
      'Training',
      'N',
      'steps of a run: limits are then of the peak of its schedule, and for its first steps too',
    ),
    ...optimizerOptions,
    momentum: value('Training', 'X', 'heavy-ball momentum, for its limit', thresholdDefaults.momentum),
    ...scheduleOptions,
    html: value(
      'Output',
      'FILE',
      'a page with figures besides: heat map of --per-module, --density, comparison of --methods',
    ),
    ...engineOptions,
    workers: value('Engine', 'N', 'processes that share the batches, of one thread each where --threads is 0', '1'),
    ...workerTimeoutOption('Engine'),
    'kept-megabytes': value(
      'Engine',
      'N',
      'most memory for values kept between products; what does not fit is computed anew, which changes last digits. Default: what is free',
    ),
  },
  examples: [
    ['spectrum --method pissa', 'the bundled model, on 64 of its word problems'],
    ['spectrum --data train.jsonl --limit 64 --method pissa', 'the whole adapter'],
    ['spectrum --data train.jsonl --limit 64 --method lora --per-module', 'and every module'],
    [
      'spectrum --data train.jsonl --limit 64 --method lora --top-k 10 --trace --density',
      'and how all eigenvalues lie',
    ],
    [
      'spectrum --data train.jsonl --limit 64 --methods lora,pissa,olora --per-module --html methods.html',
      "lambda_max over LoRA's, module by module",
    ],
    ['spectrum --data train.jsonl --limit 64 --method lora --along-update', "and how the loss bends along Adam's step"],
  ],
  async run(args, output) {
    const data = firstOfTask(args, parseData(args), output);
    const adapterChoice = parseAdapter(args);
    const methods = await parseMethods(args);
    const html = optional(args, 'html', text);
    const { batchSize, seed } = data;
    const settings = { ...parseMeasurement(args), batchSize, seed, ...given({ schedule: await parseRates(args) }) };
    await using model = await openModel({ ...parseModel(args), ...parseEngine(args) }, output);
    const rows = await readTrainingRows(model, data, output);
    if (methods === undefined) {
      const start = await demandAdapter(model, adapterChoice, rows, output);
      const result = await measureSpectrum(model, start, rows, settings, output);
      output.result(result, () => spectrumLines(result, output));
      if (html !== undefined) await writePage(html, [result], args, output);
    } else {
      const compared = await compareMethods(model, methods, adapterChoice, rows, settings, output);
      output.result({ methods: compared }, () => comparisonLines(compared, output));
      if (html !== undefined) await writePage(html, compared, args, output);
    }
  },
};

/** Without data a spectrum is of the first problems of the bundled task: it has 1000, of which each product would take all. */
function firstOfTask(args: Arguments, data: DataOptions, output: Output): DataOptions {
  if (args.data !== undefined || args.task !== undefined || data.limit !== undefined) return data;
  output.say(`neither --data nor --task: the first ${fewProblems} problems of ${data.task}`);
  return { ...data, limit: fewProblems };
}

const fewProblems = 64;

/** The variants to compare, vanilla LoRA among them; undefined without --methods. */
async function parseMethods(args: Arguments): Promise<readonly string[] | undefined> {
  atMostOne(args, 'methods', 'method', 'adapter');
  const methods = optional(args, 'methods', list(text));
  if (methods === undefined) return undefined;
  const { loadMethod } = await import('../../training/adapters/methodFile.ts');
  for (const method of methods) await loadMethod(method, 'methods');
  return [...new Set(methods.includes('lora') ? methods : ['lora', ...methods])];
}

/** Writes the page of one spectrum or several: after the result, which a page that cannot be written would take with it. */
async function writePage(
  file: string,
  spectra: readonly PageSpectrum[],
  args: Arguments,
  output: Output,
): Promise<void> {
  const { renderSpectrumPage } = await import('../../analysis/report/spectrumPage.ts');
  const { writeFileWhole } = await import('../../training/checkpoint/files.ts');
  const { model } = parseModel(args);
  const { data = [], task } = parseData(args);
  const setting = [model, ...data, ...(task === undefined ? [] : [task])];
  await writeFileWhole(file, renderSpectrumPage(spectra, { setting, command: commandLine() }));
  output.say(file);
}

/** The rates of the steps of a run over its peak rate; undefined without --steps. */
async function parseRates(args: Arguments): Promise<readonly number[] | undefined> {
  const steps = optional(args, 'steps', wholeNumber(1));
  const { schedule, warmupSteps: chosen, warmupRatio } = parseSchedule(args);
  const lonely = ['warmup-steps', 'warmup-ratio'].find((name) => steps === undefined && args[name] !== undefined);
  if (lonely !== undefined)
    throw new UsageError({
      subject: `--${lonely}`,
      expected: '--steps N, of the run that it begins',
      got: 'no --steps',
    });
  if (steps === undefined) return undefined;
  const { learningRateAt, requireTraining, warmupSteps } = await import('../../training/optimizers/schedules.ts');
  const plan = { schedule, learningRate: 1, steps, warmupSteps: chosen ?? warmupSteps(warmupRatio!, steps) };
  requireTraining(plan);
  return Array.from({ length: steps }, (_, step) => learningRateAt(step, plan));
}

/** What is measured, and how well. */
function parseMeasurement(args: Arguments): SpectrumSettings {
  const operator = required(args, 'operator', choice(['hessian', 'ggn', 'adam']));
  const optimizer = parseOptimizer(args);
  if (optimizer.loraPlusRatio !== undefined && operator !== 'adam')
    throw new UsageError({ subject: '--lora-plus-ratio', expected: '--operator adam, which LoRA+ is', got: operator });
  return {
    operator,
    optimizer,
    warmup: parseWarmup(args),
    tolerance: required(args, 'tolerance', number({ above: 0, below: 1 })),
    maxSteps: required(args, 'max-products', wholeNumber(1)),
    workers: required(args, 'workers', wholeNumber(1, 1024)),
    perModule: args['per-module'] === true,
    ...given({
      mostKeptBytes: parseKept(args),
      modulePattern: parseModules(args),
      directions: parseDirections(args),
      workerTimeout: parseWorkerTimeout(args),
    }),
    ...parseDistribution(args),
  };
}

/** `--kept-megabytes` in bytes; of 0 nothing is kept. */
function parseKept(args: Arguments): number | undefined {
  const megabytes = optional(args, 'kept-megabytes', number({ least: 0 }));
  return megabytes === 0 ? -1 : megabytes && 1e6 * megabytes;
}

/** Undefined without --along-update. */
function parseDirections(args: Arguments): number | undefined {
  const directions = required(args, 'directions', wholeNumber(2));
  return args['along-update'] === true ? directions : undefined;
}

function parseDistribution(args: Arguments): Pick<SpectrumSettings, 'topK' | 'traceProducts' | 'density'> {
  const topK = optional(args, 'top-k', wholeNumber(1));
  const traceProducts = required(args, 'trace-products', wholeNumber(3));
  const density = {
    probes: required(args, 'density-probes', wholeNumber(1)),
    steps: required(args, 'density-steps', wholeNumber(1)),
  };
  return {
    ...(topK === undefined ? {} : { topK }),
    ...(args.trace === true ? { traceProducts } : {}),
    ...(args.density === true ? { density } : {}),
  };
}
