import { type BackendName, backendNames, engineDefaults } from '../../compute/backends/executable.ts';
import type { Precision } from '../../compute/tensors.ts';
import { rowDefaults, type TrainOn, trainOnChoices } from '../../training/data/tokenRow.ts';
import { bundledModel } from '../../training/package.ts';
import { bundledTask } from '../../training/tasks/splits.ts';
import type { Arguments, Description, OptionDefinition, OptionGroup } from '../command.ts';
import { taskNames } from './names.ts';
import { UsageError } from './usageError.ts';
import {
  atMostOne,
  choice,
  type Given,
  given,
  list,
  number,
  optional,
  pattern,
  required,
  text,
  wholeNumber,
} from './values.ts';

// An option means the same in every command. Each group has its definitions, and a function that makes a typed object of
// what was given; a field that was not given and has no default is absent, for the library to choose.

/** What stands in the help for a value that is a number. */
const numbers: readonly string[] = ['N', 'X', 'K', 'P', 'RATE', 'SECONDS'];

/** `--model` */
export const modelOptions: OptionGroup = {
  model: value(
    'Model',
    'DIR',
    'Hugging Face checkpoint folder, or org/name on the hub; the bundled model if not given',
  ),
};

export interface ModelChoice {
  readonly model: string;
}

export function parseModel(args: Arguments): ModelChoice {
  return { model: optional(args, 'model', text) ?? bundledModel() };
}

/** Which rows, how they are read, and how many at a time */
export const dataOptions: OptionGroup = {
  data: value(
    'Data',
    'FILE[,FILE]|org/name',
    '.jsonl or .json, also .gz, or .parquet, or a dataset on the hub (org/name:configuration where it has several), with question/answer, instruction/output, prompt/completion, messages, text, or input_ids',
  ),
  task: {
    ...value(
      'Data',
      'NAME|FILE.ts',
      async () =>
        `${(await taskNames()).join(', ')}, or your own: it reads --data, or without it has problems of its own; ${bundledTask} if neither is given`,
    ),
    choices: taskNames,
  },
  template: value(
    'Data',
    'TEXT',
    "prompt with {field} placeholders; chat: the model's own chat template; alpaca: Stanford Alpaca's",
  ),
  split: value('Data', 'NAME', 'of a dataset on the hub; if not given train, to evaluate test, to validate validation'),
  'prompt-field': value('Data', 'NAME', 'field of the prompt'),
  'response-field': value('Data', 'NAME', 'field of the response'),
  'train-on': value(
    'Data',
    'NAME',
    "which turns of the assistant are scored in a conversation: last, or all ('all' takes conversations that end otherwise)",
    rowDefaults.trainOn,
  ),
  'max-length': value('Data', 'N', 'tokens a row; the rest is cut', rowDefaults.maxLength),
  'batch-size': value('Data', 'N', 'rows a step', rowDefaults.batchSize),
  limit: value('Data', 'N', 'only the first N rows'),
  seed: value('Data', 'N', 'seed of the order of rows, and of all else that is random', '0'),
};

export type DataOptions = {
  readonly maxLength: number;
  readonly batchSize: number;
  readonly seed: number;
  readonly trainOn: TrainOn;
} & Given<{
  data: readonly string[] | undefined;
  task: string | undefined;
  split: string | undefined;
  template: string | undefined;
  promptField: string | undefined;
  responseField: string | undefined;
  limit: number | undefined;
}>;

/**
 * The options of data; without `--data` and `--task` the task is the bundled one.
 * @throws UsageError for --template together with --prompt-field, and for either field with --task or without --data.
 */
export function parseData(args: Arguments): DataOptions {
  const field = ['prompt-field', 'response-field'].find((name) => args[name] !== undefined);
  if (args.task !== undefined && field !== undefined)
    throw new UsageError({
      subject: `--${field} beside --task`,
      expected: 'one of them',
      got: 'both',
      remedy: 'a task knows its fields; read others with a TaskFamily of your own, --task ./FILE.ts',
    });
  if (args.split !== undefined && args.data === undefined)
    throw new UsageError({ subject: '--split', expected: '--data org/name beside it', got: 'none' });
  // These say how prompts are written, not which fields they come from.
  if (args.template !== 'chat' && args.template !== 'alpaca') atMostOne(args, 'template', 'prompt-field');
  if (args.task === undefined && args.data === undefined && field !== undefined)
    throw new UsageError({ subject: `--${field}`, expected: '--data beside it', got: 'none' });
  return {
    ...given({
      data: optional(args, 'data', list(text)),
      task: optional(args, 'task', text) ?? (args.data === undefined ? bundledTask : undefined),
      split: optional(args, 'split', text),
      // Not trimmed: white space at the end of a template decides how the response follows.
      template: args.template === undefined ? undefined : String(args.template),
      promptField: optional(args, 'prompt-field', text),
      responseField: optional(args, 'response-field', text),
      limit: optional(args, 'limit', wholeNumber(1)),
    }),
    trainOn: required(args, 'train-on', choice(trainOnChoices)),
    maxLength: required(args, 'max-length', wholeNumber(2)),
    batchSize: required(args, 'batch-size', wholeNumber(1)),
    seed: required(args, 'seed', wholeNumber(0)),
  };
}

/** `--out` of a run */
export const outOption: OptionGroup = {
  out: value('Training', 'DIR', 'folder for metrics.jsonl, result.json and adapter/'),
};

/** Returns undefined if it was not given. */
export function parseOut(args: Arguments): string | undefined {
  return optional(args, 'out', text);
}

/** `--overwrite` of commands that write a folder */
export const overwriteOption: OptionGroup = {
  overwrite: {
    type: 'boolean',
    group: 'Output:',
    describe: 'replace results that lie in the folder, once the new ones are good',
  },
};

/** Whether results that are there may be replaced. */
export function parseOverwrite(args: Arguments): boolean {
  return args.overwrite === true;
}

/** `--modules` of a curvature */
export const modulesOption: OptionGroup = {
  modules: value('Curvature', 'REGEX', 'only the variables of these modules'),
};

/** Returns undefined if it was not given. */
export function parseModules(args: Arguments): string | undefined {
  return optional(args, 'modules', pattern);
}

/** Options of the curvature that Adam sees, which is measured after some steps of Adam. */
export const warmupOptions: OptionGroup = {
  warmup: value('Curvature', 'N', "steps of Adam before Adam's own curvature is measured", '10'),
  'warmup-lr': value('Curvature', 'RATE', 'their learning rate; the result depends on it', '1e-3'),
};

export interface WarmupSettings {
  readonly steps: number;
  readonly learningRate: number;
}

export function parseWarmup(args: Arguments): WarmupSettings {
  return {
    steps: required(args, 'warmup', wholeNumber(1)),
    learningRate: required(args, 'warmup-lr', number({ above: 0 })),
  };
}

const precisions = ['float32', 'float64'] as const;

/** What computes, and how */
export const engineOptions: OptionGroup = {
  precision: {
    ...value('Engine', 'NAME', precisions.join(', '), engineDefaults.precision),
    choices: precisions,
  },
  backend: {
    ...value(
      'Engine',
      'NAME',
      `${backendNames.join(', ')}; the others than onnx have float32 only`,
      engineDefaults.backend,
    ),
    choices: backendNames,
  },
  threads: value('Engine', 'N', 'threads within one operation; 0 leaves it to the backend', engineDefaults.threads),
};

export interface EngineOptions {
  readonly precision: Precision;
  readonly backend: BackendName;
  readonly threads: number;
}

/** @throws UsageError for float64 on a backend that does not have it. */
export function parseEngine(args: Arguments): EngineOptions {
  const precision = required(args, 'precision', choice(precisions));
  const engine = parseFloat32Engine(args);
  if (precision === 'float64' && engine.backend !== 'onnx')
    throw new UsageError({
      subject: '--precision',
      expected: `float32, the only one of --backend ${engine.backend}`,
      got: precision,
    });
  return { precision, ...engine };
}

/** `--backend` and `--threads`, of a command that computes in float32 */
export function parseFloat32Engine(args: Arguments): Omit<EngineOptions, 'precision'> {
  return {
    backend: required(args, 'backend', choice(backendNames)),
    threads: required(args, 'threads', wholeNumber(0, 1024)),
  };
}

/** What every command takes */
export const outputOptions: OptionGroup = {
  json: { type: 'boolean', group: 'Output:', describe: 'one JSON object on standard output, words on standard error' },
  quiet: { type: 'boolean', group: 'Output:', describe: 'no progress, no words' },
  debug: { type: 'boolean', group: 'Output:', describe: 'stack traces of errors' },
};

/** `--study DIR`, or the same as the first argument */
export const studyOption: OptionGroup = {
  study: value('Study', 'DIR[,DIR]', 'study folder; several are shown side by side'),
};

/** `--run DIR`, in place of a study */
export const runOption: OptionGroup = {
  run: value('Study', 'DIR', "instead of a study one run's folder, as finetune --out leaves it"),
};

/** An option with a value. Its default is shown in the help, and parsed like any other text. */
export function value(
  group: string,
  placeholder: string,
  describe: Description,
  standard?: string | number | readonly number[],
): OptionDefinition {
  // `nargs` takes what follows whatever it begins with: -1e-3 is a value too, and its own error.
  const option = { type: 'string', nargs: 1, group: `${group}:` } as const;
  const words = (text: string): string => `${placeholder}  ${text}`;
  return {
    ...option,
    ...(numbers.includes(placeholder) && { isNumber: true }),
    describe: typeof describe === 'string' ? words(describe) : async () => words(await describe()),
    ...(standard !== undefined && { default: typed(standard) }),
  };
}

/** A default as one would type it: 1e-3. */
function typed(standard: string | number | readonly number[]): string {
  if (typeof standard === 'number') return standard > 0 && standard < 0.01 ? standard.toExponential() : `${standard}`;
  return typeof standard === 'string' ? standard : standard.map(typed).join();
}

/** @throws UsageError naming the option that a command cannot do without. */
export function demand<T>(value: T | undefined, option: string, expected: string): T {
  if (value === undefined) throw new UsageError({ subject: option, expected, got: 'nothing' });
  return value;
}
