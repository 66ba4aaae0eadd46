import { usualStudy } from '../../study/options.ts';
import type { OptionGroup } from '../command.ts';
import { adapterOptions } from './adapterOptions.ts';
import { taskNames } from './names.ts';
import { dataOptions, engineOptions, modelOptions, value } from './options.ts';
import { trainingOptions } from './runOptions.ts';
import { sweepOptions } from './sweepOptions.ts';
import { examinationOptions } from './taskInputs.ts';

// A study makes adapters of its own; `--method` is one of its `--methods`.
const { adapter: _adapter, method: _method, ...adapterSizeOptions } = adapterOptions;

const single: OptionGroup = { ...dataOptions, ...trainingOptions };

/** Options that may be given as lists instead: their defaults are the library's, so that what was given is told from what was not. */
const withoutDefaults = Object.fromEntries(
  ['batch-size', 'optimizer', 'schedule', 'seed'].map((name) => {
    const { default: standard, ...option } = single[name]!;
    return [name, { ...option, defaultDescription: String(standard) }];
  }),
);

/** The options that a study and its sweep share. */
export const studyOptions: OptionGroup = {
  ...modelOptions,
  ...adapterSizeOptions,
  ...dataOptions,
  task: {
    ...value(
      'Data',
      'NAMES',
      async () =>
        `${(await taskNames()).join(', ')}, or your own ./FILE.ts: runs are compared by its metric; several are studied ` +
        `one by one; ${usualStudy.task} if neither this nor --data is given`,
    ),
    choices: taskNames,
  },
  ...examinationOptions,
  ...trainingOptions,
  ...withoutDefaults,
  ...sweepOptions,
  ...engineOptions,
};
