import type { RunConfiguration } from '../../study/plan.ts';
import type { OpenStudy } from '../../study/record.ts';
import type { SweepRecord } from '../../study/sweep.ts';
import type { StudyWork } from '../../study/work.ts';
import type { PlannedStudy } from '../../study/workers.ts';
import type { Command, OptionGroup } from '../command.ts';
import { commandLine } from '../commandLine.ts';
import { adapterOptions } from '../options/adapterOptions.ts';
import { dataOptions, engineOptions, modelOptions, value } from '../options/options.ts';
import { sweepOptions, trainingOptions } from '../options/runOptions.ts';
import { openStudyInputs, parseStudy } from '../options/studyInputs.ts';
import { examinationOptions } from '../options/taskInputs.ts';
import { type Output, shortNumber } from '../words/output.ts';
import type { Progress } from '../words/progress.ts';

// A study's runs have one rank and one alpha for all modules.
const {
  adapter: _adapter,
  method: _method,
  'rank-pattern': _ranks,
  'alpha-pattern': _alphas,
  ...adapterSizeOptions
} = adapterOptions;

/** The options that a study and its sweep share. */
export const studyOptions: OptionGroup = {
  ...modelOptions,
  ...adapterSizeOptions,
  ...dataOptions,
  task: value(
    'Data',
    'NAMES',
    'code, commonsense, instructions, math, or your own ./FILE.ts: runs are compared by its metric; several are studied one by ' +
      'one; math if neither this nor --data is given',
  ),
  ...examinationOptions,
  ...trainingOptions,
  ...sweepOptions,
  ...engineOptions,
};

/** `lambdamax sweep`: the runs of a study. */
export const command: Command = {
  usage: 'sweep',
  summary: 'Fine-tune several LoRA variants over a grid of learning rates',
  options: studyOptions,
  examples: [
    ["sweep --methods lora,pissa --lr 'logspace(1e-4,1e-1,7)' --steps 60", 'two variants, seven rates each'],
    ['sweep --task math,commonsense', 'a sweep for each'],
  ],
  async run(args, output) {
    const options = await parseStudy(args);
    const { openStudyWork } = await import('../../study/workers.ts');
    const inputs = await openStudyInputs(options, commandLine(), output);
    await using _model = inputs.model;
    const { openStudy } = await import('../../study/record.ts');
    const results: SweepResult[] = [];
    for (const study of inputs.studies) {
      const progress = output.progress(plannedRuns(study.plan), titleOf(study, 'sweep'));
      await using work = await openStudyWork(inputs.model, study, { ...options, onSilence: output.warn });
      await using opened = await openStudy(study.folder, study.plan);
      sayEdited(opened, output);
      const record = await runSweep(study, opened, work, progress, output).finally(() => progress.stop());
      results.push({ study: study.folder, ...resultOf(record) });
    }
    const [first, ...others] = results;
    output.result(others.length === 0 ? first! : { study: inputs.folder, tasks: byTask(inputs.studies, results) }, () =>
      results.flatMap((result) => sweepLines(result, output)),
    );
  },
};

type SweepResult = { readonly study: string } & ReturnType<typeof resultOf>;

function resultOf({ runs, methods }: SweepRecord) {
  return {
    runs: runs.length,
    methods: methods.map(({ method, best, bracketed }) => ({ method, best, bracketed })),
  };
}

function sweepLines({ study, runs, methods }: SweepResult, output: Output): string[] {
  return [
    ...output.table(
      ['method', 'best rate', 'score', 'loss', 'bracketed'],
      methods.map(({ method, best, bracketed }) => [
        method,
        best?.learningRate ?? null,
        best?.score ?? null,
        best?.loss ?? null,
        bracketed ? 'yes' : 'no',
      ]),
    ),
    '',
    `${runs} runs in ${study}`,
  ];
}

/** What came of several studies, by their tasks. */
export function byTask<Result>(studies: readonly PlannedStudy[], results: readonly Result[]): Record<string, Result> {
  return Object.fromEntries(studies.map(({ plan }, index) => [plan.task!.name, results[index]!]));
}

/** Says which of the user's own files a study finds edited. */
export function sayEdited({ edited }: OpenStudy, output: Output): void {
  for (const file of edited) output.say(`${file} was edited: what this study made with it is made again`);
}

/** What a study is called while it goes on: its task, if it has one. */
export function titleOf({ plan }: PlannedStudy, what: string): string {
  return plan.task === undefined ? what : `${what} of ${plan.task.name}`;
}

/** Carries out the plan's runs. The bar stands at `before` when they begin, and counts them from there. `keep` as an Output's. */
export async function runSweep(
  { plan, folder }: PlannedStudy,
  study: Parameters<typeof import('../../study/sweep.ts').sweep>[1]['study'],
  { trainRun, atOnce }: StudyWork,
  progress: Progress,
  { before = 0, keep }: { readonly before?: number; readonly keep: Output['keep'] },
): Promise<SweepRecord> {
  const { scoreOf } = await import('../../study/record.ts');
  const { sweep } = await import('../../study/sweep.ts');
  const words = ({ method, learningRate, seed }: RunConfiguration) =>
    `${method} at ${shortNumber(learningRate, 3)}, seed ${seed}`;
  return sweep(plan, {
    study,
    execute: trainRun,
    atOnce,
    onProgress: ({ configuration, step, result, done, planned }) => {
      progress.setTotal(before + planned);
      keep(`${done} of ${planned} runs are kept in ${folder}, and the same command goes on from there`);
      const score = result && scoreOf(result, plan.score);
      const outcome =
        result === null
          ? `step ${step} of ${configuration.steps}`
          : score === null
            ? result.status
            : shortNumber(score);
      progress.update(before + done, `${words(configuration)}: ${outcome}`);
    },
  });
}

/** How many runs a plan begins with; grids may be extended. */
export function plannedRuns({ methods, grid }: PlannedStudy['plan']): number {
  return methods.length * grid.length;
}
