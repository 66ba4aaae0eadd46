import { configurationNames } from '../../study/configurations/names.ts';
import type { SweepRecord } from '../../study/sweep/sweep.ts';
import { byTask, sayStudyCosts, showStudy } from '../actions/study.ts';
import type { Command } from '../command.ts';
import { commandLine } from '../commandLine.ts';
import { openStudyInputs, parseStudy } from '../options/studyInputs.ts';
import { studyOptions } from '../options/studyOptions.ts';
import type { Output } from '../words/output.ts';

/** `lambdamax sweep`: the runs of a study. */
export const command: Command = {
  usage: 'sweep',
  summary: 'Fine-tune several LoRA variants over a grid of learning rates',
  options: studyOptions,
  examples: [
    ["sweep --methods lora,pissa --lr 'logspace(1e-4,1e-1,7)' --steps 60", 'two variants, seven rates each'],
    ['sweep --methods lora,pissa --ranks 2,8,32', 'each variant at three ranks'],
    ['sweep --task math,commonsense', 'a sweep for each'],
  ],
  async run(args, output) {
    const options = await parseStudy(args);
    const { openStudyWork } = await import('../../study/workers.ts');
    const inputs = await openStudyInputs(options, commandLine(), output);
    await using _model = inputs.model;
    if (args['dry-run'] === true) return await sayStudyCosts(inputs, options, output);
    const results: SweepResult[] = [];
    for (const study of inputs.studies) {
      await using work = await openStudyWork(inputs.model, study, { ...options, onSilence: output.warn });
      results.push({ study: study.folder, ...resultOf(await showStudy(study, work, 'sweep', output)) });
    }
    const [first, ...others] = results;
    output.result(others.length === 0 ? first! : { study: inputs.folder, tasks: byTask(inputs.studies, results) }, () =>
      results.flatMap((result) => sweepLines(result, output)),
    );
  },
};

type SweepResult = { readonly study: string } & ReturnType<typeof resultOf>;

function resultOf({ plan, runs, added, configurations }: SweepRecord) {
  const names = configurationNames(plan.configurations);
  return {
    runs: runs.length,
    added,
    methods: configurations.map(({ configuration, best, bracketed }, index) => ({
      ...{ configuration: names[index]!, method: configuration.method, best, bracketed },
    })),
  };
}

function sweepLines({ study, runs, methods }: SweepResult, output: Output): string[] {
  return [
    ...output.table(
      ['configuration', 'best rate', 'score', 'loss', 'bracketed'],
      methods.map(({ configuration, best, bracketed }) => [
        configuration,
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
