import type { RunConfiguration } from '../training/sweep/plan.ts';
import type { SweepRecord } from '../training/sweep/sweep.ts';
import type { Command, OptionGroup } from './command.ts';
import { adapterOptions, dataOptions, engineOptions, modelOptions } from './options.ts';
import { shortNumber } from './output.ts';
import type { Progress } from './progress.ts';
import { sweepOptions, trainingOptions } from './runOptions.ts';
import { openStudyInputs, parseStudy, type StudyInputs } from './studyInputs.ts';

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
  ...trainingOptions,
  ...sweepOptions,
  ...engineOptions,
};

/** `lambdamax sweep`: the runs of a study. */
export const command: Command = {
  usage: 'sweep',
  summary: 'Fine-tune several LoRA variants over a grid of learning rates',
  options: studyOptions,
  examples: [["sweep --methods lora,pissa --lr 'logspace(1e-4,1e-1,7)' --steps 60", 'two variants, seven rates each']],
  async run(args, output) {
    const inputs = await openStudyInputs(await parseStudy(args), commandLine(), output);
    await using _model = inputs.model;
    const progress = output.progress(plannedRuns(inputs.plan), 'sweep');
    const record = await runSweep(inputs, inputs.folder, progress).finally(() => progress.stop());
    const methods = record.methods.map(({ method, best, bracketed }) => ({ method, best, bracketed }));
    output.result({ study: inputs.folder, runs: record.runs.length, methods }, () => [
      ...output.table(
        ['method', 'best rate', 'score', 'bracketed'],
        methods.map(({ method, best, bracketed }) => [
          method,
          best?.learningRate ?? null,
          best?.score ?? null,
          bracketed ? 'yes' : 'no',
        ]),
      ),
      '',
      `${record.runs.length} runs in ${inputs.folder}`,
    ]);
  },
};

/** Carries out the plan's runs. The bar stands at `before` when they begin, and counts them from there. */
export async function runSweep(
  { plan, model, data }: StudyInputs,
  study: Parameters<typeof import('../training/sweep/sweep.ts').sweep>[1]['study'],
  progress: Progress,
  before = 0,
): Promise<SweepRecord> {
  const { executeOn } = await import('../training/sweep/execute.ts');
  const { scoreOf } = await import('../training/sweep/record.ts');
  const { sweep } = await import('../training/sweep/sweep.ts');
  let finished = before;
  const words = ({ method, learningRate, seed }: RunConfiguration) =>
    `${method} at ${shortNumber(learningRate, 3)}, seed ${seed}`;
  const onStep = (step: number, run: RunConfiguration) =>
    progress.update(finished, `${words(run)}: step ${step} of ${run.steps}`);
  return sweep(plan, {
    study,
    execute: executeOn(model, data, onStep),
    onProgress: ({ configuration, result, done, planned }) => {
      finished = before + done;
      progress.setTotal(before + planned);
      const score = result && scoreOf(result, plan.score);
      const outcome = result === null ? '' : `: ${score === null ? result.status : shortNumber(score)}`;
      progress.update(finished, `${words(configuration)}${outcome}`);
    },
  });
}

/** How many runs a plan begins with; grids may be extended. */
export function plannedRuns({ methods, grid }: StudyInputs['plan']): number {
  return methods.length * grid.length;
}

/** The command line as one would type it again. */
export function commandLine(): string {
  const quoted = process.argv
    .slice(2)
    .map((part) => (/^[\w./,:=@+-]+$/.test(part) ? part : `'${part.replaceAll("'", "'\\''")}'`));
  return ['lambdamax', ...quoted].join(' ');
}
