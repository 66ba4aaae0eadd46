import { runningLosses } from '../../analysis/figures/runs/runningLosses.ts';
import { clock, count } from '../../analysis/rates/format.ts';
import type { LiveStudyPage, LiveSummary } from '../../analysis/report/live/livePages.ts';
import { heldSince } from '../../training/checkpoint/folderLock.ts';
import { configurationNames } from '../configurations/names.ts';
import type { ListedStudy } from './listed.ts';
import { drawSettled, readSettled, rememberedBy, type Settled } from './settled.ts';
import { failuresOf, readUnderWay, runName, runsTable, secondsLeft, type UnderWay, underWayTable } from './underWay.ts';

/** Reads studies for live pages. What changes seldom is kept, so that asking often costs little. */
export interface LiveReader {
  summary(study: ListedStudy): Promise<LiveSummary>;
  /** @throws LambdamaxError if the study's plan cannot be read. */
  page(study: ListedStudy): Promise<LiveStudyPage>;
}

/** A reader, which only reads: it holds no folder and writes nothing. */
export function liveReader(): LiveReader {
  const settledOf = rememberedBy(readSettled);
  const drawingsOf = rememberedBy(drawSettled);
  const look = async ({ folder }: ListedStudy) => {
    const [settled, since] = await Promise.all([settledOf(folder), heldSince(folder)]);
    return { settled, since, underWay: await readUnderWay(folder, settled, since) };
  };
  return {
    async summary(study) {
      const { settled, since, underWay } = await look(study);
      return summaryOf(study, settled, { isHeld: since !== null, underWay });
    },
    async page(study) {
      const { settled, since, underWay } = await look(study);
      const { answer, pictures, spectra } = await drawingsOf(study.folder);
      const running = underWay.filter(({ isRunning }) => isRunning);
      return {
        ...summaryOf(study, settled, { isHeld: since !== null, underWay }),
        ...{ answer, pictures },
        underWay: underWayTable(underWay, Date.now()),
        losses: runningLosses(
          running.map((run) => ({ run: runName(run), ...run.curve, stepsPlanned: run.configuration.steps })),
        ),
        sharpness: `λmax at the start of training is measured for ${spectra} of ${count(settled.plan.configurations.length, 'configuration')}.`,
        runs: runsTable(settled, underWay),
      };
    },
  };
}

/** What a list shows of a study that cannot be read. */
export function unreadable({ name }: ListedStudy, words: string): LiveSummary {
  const failures = [words];
  return {
    ...{ name, links: linksOf(name), state: 'unreadable', words: 'It cannot be read now.', timeLeft: null },
    ...{ done: 0, planned: 0, failures, setting: [] },
  };
}

function summaryOf(
  { name }: ListedStudy,
  settled: Settled,
  { isHeld, underWay }: { readonly isHeld: boolean; readonly underWay: readonly UnderWay[] },
): LiveSummary {
  const { plan, progress } = settled;
  const { done, planned } = progress;
  const runs = `${done} of ${count(planned, 'run')} ${planned === 1 ? 'is' : 'are'} done.`;
  const state = isHeld ? 'running' : done >= planned ? 'finished' : 'stopped';
  const seconds = isHeld ? secondsLeft(settled, underWay) : null;
  return {
    ...{ name, links: linksOf(name), state, done, planned },
    words: state === 'stopped' ? `${runs} The command that began it goes on with it.` : runs,
    timeLeft:
      seconds === null
        ? null
        : `About ${clock(seconds)} are left; rates that are added to a grid, and curvature, take longer.`,
    failures: failuresOf(settled, underWay, Date.now()),
    setting: [plan.model, plan.data.join(', '), configurationNames(plan.configurations).join('; ')],
  };
}

function linksOf(name: string): LiveSummary['links'] {
  const query = new URLSearchParams({ study: name });
  return { study: `/study?${query}`, report: `/report?${query}` };
}
