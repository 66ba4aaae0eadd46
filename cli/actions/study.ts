import { clock } from '../../analysis/rates/format.ts';
import type { StudyCost } from '../../study/cost.ts';
import type { OpenStudy } from '../../study/folder/record.ts';
import type { PlannedStudy } from '../../study/planStudy.ts';
import type { StudyEvent } from '../../study/study.ts';
import type { SweepRecord } from '../../study/sweep/sweep.ts';
import type { StudyWork } from '../../study/work.ts';
import type { WorkOptions } from '../../study/workers.ts';
import type { StudyInputs } from '../options/studyInputs.ts';
import { megabytes } from '../words/cost.ts';
import { type Output, shortNumber } from '../words/output.ts';

/** What came of several studies, by their tasks. */
export function byTask<Result>(studies: readonly PlannedStudy[], results: readonly Result[]): Record<string, Result> {
  return Object.fromEntries(studies.map(({ plan }, index) => [plan.task!.name, results[index]!]));
}

/** Says what studies will take, instead of carrying them out: `--dry-run`. */
export async function sayStudyCosts(
  { model, studies }: StudyInputs,
  options: Pick<WorkOptions, 'workers'>,
  output: Output,
): Promise<void> {
  const { studyCost } = await import('../../study/cost.ts');
  output.stage('timing steps and answers');
  const costs: (StudyCost & { readonly study: string })[] = [];
  for (const study of studies) costs.push({ study: study.folder, ...(await studyCost(model, study, options)) });
  const [first, ...others] = costs;
  output.result({ dryRun: true, ...(others.length === 0 ? first : { tasks: byTask(studies, costs) }) }, () => [
    ...costs.flatMap(costLines),
    'Nothing was written. A grid is extended where its best rate lies at an end, which adds runs.',
  ]);
}

function costLines({
  study,
  runs,
  done,
  spectra,
  predictions,
  hours,
  processes,
  ...memory
}: StudyCost & { readonly study: string }): string[] {
  const parts = [
    `${runs} runs`,
    ...(spectra ? [`${spectra} spectra`] : []),
    ...(predictions ? [`${predictions} predictions`] : []),
  ];
  const width = processes === 1 ? 'one process' : `${processes} processes`;
  return [
    `${study}: ${parts.join(', ')}${done > 0 ? `; ${done} runs are done` : ''}`,
    `time: about ${clock(3600 * hours)} with ${width}, by steps of ${shortNumber(memory.secondsPerStep, 2)} s each`,
    `memory: about ${megabytes(memory.bytes)} in all (${megabytes(memory.freeBytes)} are free)`,
  ];
}

/**
 * Carries out a plan and shows how it goes. Once the folder is its own `begun` is called, and it says which of the user's own files were
 * edited, and how many runs it leaves alone.
 */
export async function showStudy(
  planned: PlannedStudy,
  work: StudyWork,
  what: string,
  output: Output,
  begun: () => void = () => {},
): Promise<SweepRecord> {
  const { carryOut } = await import('../../study/study.ts');
  const { scoreOf } = await import('../../study/plan/result.ts');
  const { plan, folder } = planned;
  const title = plan.task === undefined ? what : `${what} of ${plan.task.name}`;
  const progress = output.progress(plan.configurations.length * plan.grid.length, title);
  const running = new Map<string, string>();
  let last = '';
  const onOpen = ({ edited, others }: OpenStudy): void => {
    begun();
    output.keep(`what is measured is kept in ${folder}, and the same command goes on from there`);
    for (const file of edited) output.say(`${file} was edited: what this study made with it is made again`);
    if (others > 0)
      output.say(`${others} finished runs in ${folder} are of other settings: they stay, and are not reported on`);
  };
  const onProgress = (event: StudyEvent): void => {
    progress.setTotal(event.planned);
    if (event.run)
      output.keep(
        `${event.run.done} of ${event.run.planned} runs are kept in ${folder}, others up to their last checkpoint, and the same command goes on from there`,
      );
    const key = partKey(event);
    if (event.isBegun) running.set(key, partWords(event));
    else {
      running.delete(key);
      last = outcomeWords(event, (result) => scoreOf(result, plan.score));
    }
    progress.update(event.done, [[...running.values()].join('; '), last].filter((text) => text !== '').join(' | '));
  };
  try {
    return await carryOut(planned, work, { onProgress, onOpen });
  } finally {
    progress.stop();
  }
}

type Score = (result: NonNullable<NonNullable<StudyEvent['run']>['result']>) => number | null;

/** What tells one part of a study from the others. */
function partKey({ part, what, configuration, run }: StudyEvent): string {
  return JSON.stringify([part, what, configuration, run?.key]);
}

/** What is under way. */
function partWords({ part, what, configuration, run }: StudyEvent): string {
  if (part === 'spectrum') return `curvature of ${configuration}${what === 'adam' ? ' as Adam sees it' : ''}`;
  if (run === undefined) return `rate of ${configuration} by ${what}`;
  return `${runWords(configuration, run)}: step ${run.step} of ${run.run.steps}`;
}

/** What came of a part; empty where that is no number. */
function outcomeWords({ configuration, what, rate, run }: StudyEvent, scoreOf: Score): string {
  if (rate !== undefined) return `${what} says ${shortNumber(rate, 2)} for ${configuration}`;
  if (run?.result == null) return '';
  const score = scoreOf(run.result);
  return `${runWords(configuration, run)}: ${score === null ? run.result.status : shortNumber(score)}`;
}

function runWords(configuration: string, { run }: NonNullable<StudyEvent['run']>): string {
  return `${configuration} at ${shortNumber(run.learningRate, 3)}, seed ${run.seed}`;
}
