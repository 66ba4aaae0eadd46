import { clock } from '../../analysis/rates/format.ts';
import type { ValidationPlan, ValidationResult } from '../../study/validate/validate.ts';
import { testNames, type ValidationTestName } from '../../study/validate/validationTest.ts';
import type { Command } from '../command.ts';
import { commandLine } from '../commandLine.ts';
import { adapterOptions, parseAdapter } from '../options/adapterOptions.ts';
import { openModel } from '../options/inputs.ts';
import {
  dataOptions,
  engineOptions,
  modelOptions,
  parseData,
  parseEngine,
  parseModel,
  value,
} from '../options/options.ts';
import { parseWorkerTimeout, workerTimeoutOption } from '../options/runOptions.ts';
import { examinationOptions, parseExamination } from '../options/taskInputs.ts';
import { choice, given, list, number, optional, type Parser, required, text, wholeNumber } from '../options/values.ts';
import { type Output, shortNumber } from '../words/output.ts';
import type { Progress } from '../words/progress.ts';

// A test makes adapters of its own.
const { adapter: _adapter, ...methodOptions } = adapterOptions;

/** `lambdamax validate`: what is claimed of curvature, tested. */
export const command: Command = {
  usage: 'validate',
  summary: 'Test what is claimed of curvature and the best learning rate, on any model, data and variant',
  options: {
    tests: value(
      'Tests',
      'NAMES',
      `${testNames.map((name, index) => `${name} (T${index + 1})`).join(', ')}; all`,
      'scale,sharp-module',
    ),
    out: value(
      'Tests',
      'DIR',
      'folder for report.html, validate.json and all that is measured; one that is there is continued',
    ),
    budget: value(
      'Tests',
      'GRADIENTS',
      'what the tests may cost together, in gradients of a batch; one that does not fit is left out',
    ),
    'sharp-modules': value(
      'Tests',
      'N',
      'of sharp-module: so many modules, one at a time; more than 1 have six rates each',
      '1',
    ),
    steps: value('Tests', 'N', 'steps of a run', '100'),
    seeds: value('Tests', 'N', 'so many seeds: --seed, --seed + 1, ...', '2'),
    ...modelOptions,
    ...methodOptions,
    ...dataOptions,
    ...examinationOptions,
    validation: value('Data', 'FILE[,FILE]', 'data that losses are taken on; if not given some rows are held out'),
    workers: value(
      'Engine',
      'N',
      'processes that work side by side; if not given one for each core that memory allows',
    ),
    ...workerTimeoutOption('Engine'),
    ...engineOptions,
  },
  examples: [
    ['validate', 'a change of scale and one sharp module, with LoRA on the bundled model'],
    [
      'validate --tests all --method ./my-variant.ts --data train.jsonl',
      'all five tests, with your own variant and data',
    ],
  ],
  async run(args, output) {
    const { validateDefaults, validate } = await import('../../study/validate/validate.ts');
    const tests = required(args, 'tests', list(testName)).flatMap((name) => (name === 'all' ? testNames : [name]));
    const { seed, ...data } = parseData(args);
    const task = data.task ?? (data.data === undefined ? 'math' : undefined);
    const seeds = required(args, 'seeds', wholeNumber(1, 1000));
    const options = {
      ...data,
      ...given({ task }),
      ...parseExamination({ ...args, ...(task !== undefined && { task }) }),
      ...parseAdapter(args),
      ...given({
        validation: optional(args, 'validation', list(text)),
        out: optional(args, 'out', text),
        budget: optional(args, 'budget', number({ above: 0 })),
        workers: optional(args, 'workers', wholeNumber(1, 1024)),
        workerTimeout: parseWorkerTimeout(args),
      }),
      tests: [...new Set(tests)],
      steps: required(args, 'steps', wholeNumber(1)),
      sharpModules: required(args, 'sharp-modules', wholeNumber(1)),
      seeds: Array.from({ length: seeds }, (_, index) => seed + index),
      createdFrom: commandLine(),
    };
    const { method = validateDefaults.method } = options;
    const { loadMethod } = await import('../../training/adapters/methodFile.ts');
    await loadMethod(method);
    const engine = parseEngine(args);
    await using model = await openModel({ ...parseModel(args), ...engine }, output);
    let progress: Progress | undefined;
    let shown: ValidationTestName | undefined;
    const result = await validate(
      { ...options, ...engine, model },
      {
        say: output.say,
        warn: output.warn,
        onPlan(plan) {
          for (const line of planLines(plan, output)) output.say(line);
          output.keep(`what is measured is kept in ${plan.folder}, and the same command goes on from there`);
        },
        onProgress({ test, words, done, planned }) {
          if (shown !== test) {
            progress?.stop();
            progress = output.progress(planned, test);
            shown = test;
          }
          progress?.setTotal(planned);
          progress?.update(done, words);
        },
      },
    ).finally(() => progress?.stop());
    const { seconds: _, ...found } = result;
    output.result({ ...found, seconds: output.elapsed() }, () => lines(result, output));
  },
};

/** A test by its name, or as T1 to T5. */
const testName: Parser<ValidationTestName | 'all'> = (given, option) => {
  const numbered = testNames[Number(/^T([1-5])$/i.exec(given)?.[1]) - 1];
  return numbered ?? choice([...testNames, 'all'], ', or T1 to T5')(given, option);
};

/** What will be done, and what it takes: before anything is measured. */
function planLines({ folder, tests, leftOut, secondsPerGradient }: ValidationPlan, output: Output): string[] {
  const table = output.table(
    ['test', 'runs', 'products', 'gradients', 'about'],
    tests.map(({ name, runs, products, gradientEvaluations }) => [
      ...[name, runs, products, Math.ceil(gradientEvaluations)],
      clock(gradientEvaluations * secondsPerGradient),
    ]),
  );
  return [
    `tests in ${folder}; a gradient of a batch takes ${shortNumber(secondsPerGradient, 2)} s`,
    ...table,
    ...leftOut.map(({ name, reason }) => `${name} is left out: ${reason}`),
  ];
}

function lines({ tests, leftOut, folder, report }: ValidationResult, output: Output): string[] {
  return [
    ...output.table(
      ['test', 'about', 'expected', 'seen', '95 % interval', 'outcome'],
      tests.map(({ name, optimizer, expected, measured, low, high, outcome, ...more }) => [
        name,
        [optimizer, more.module, more.quantity, more.score].filter((word) => word !== undefined).join(', '),
        ...[expected, measured],
        low === null || high === null
          ? outcome === 'undecided'
            ? '–'
            : 'exact'
          : `${shortNumber(low, 2)} to ${shortNumber(high, 2)}`,
        outcome,
      ]),
    ),
    '',
    ...tests.map(({ words }) => words),
    ...leftOut.map(({ name, reason }) => `${name} was left out: ${reason}`),
    '',
    `all that was measured: ${folder}`,
    `report: ${report}`,
  ];
}
