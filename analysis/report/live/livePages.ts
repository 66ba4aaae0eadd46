import { readFileSync } from 'node:fs';
import type { Figure } from '../../figures/figure.ts';
import { type DrawnFigure, drawnFigures } from '../drawnFigure.ts';
import { eta, pageStyle } from '../page.ts';
import type { WordTable } from '../tables.ts';

/** How a study stands, in a few words and numbers. */
export interface LiveSummary {
  readonly name: string;
  /** Where its page and its report are. */
  readonly links: { readonly study: string; readonly report: string };
  /** `running`, `stopped` or `finished`; `unreadable` of a folder that could not be read just now. */
  readonly state: 'running' | 'stopped' | 'finished' | 'unreadable';
  /** What the state means, in a sentence. */
  readonly words: string;
  /** About how long the rest takes, in a sentence; null where that cannot be told. */
  readonly timeLeft: string | null;
  /** Runs that are done, and runs in all as far as can be told. */
  readonly done: number;
  readonly planned: number;
  /** What went wrong, a sentence each. */
  readonly failures: readonly string[];
  /** Model, data, methods. */
  readonly setting: readonly string[];
}

/** The pictures of a study that are drawn again only when a run or a spectrum is done. */
export type SettledPictures = Readonly<Record<string, DrawnFigure>>;

/** All that the page of one study shows. */
export interface LiveStudyPage extends LiveSummary {
  /** The first sentence of the report so far; null before the first run is done. */
  readonly answer: string | null;
  /** The runs under way; null where there is none. */
  readonly underWay: WordTable | null;
  readonly losses: Figure | null;
  /** The figures `sweep-curve`, `lambda-max` and `learning-curves`, as far as there is something to show. */
  readonly pictures: SettledPictures;
  /** How many configurations have a spectrum, in a sentence. */
  readonly sharpness: string;
  /** All runs that have begun; null where none has. */
  readonly runs: WordTable | null;
}

/** What stands in live pages and is not markup: a server lets browsers use these texts alone. */
export const liveAssets = {
  style: `${pageStyle()}\n${textOf('live.css')}`,
  script: textOf('live.js'),
} as const;

/** The page over all studies of a folder. */
export function renderStudiesPage(folder: string, studies: readonly LiveSummary[]): string {
  return eta.render('live/studies', { ...liveAssets, title: `Studies in ${folder}`, folder, studies });
}

/** The page of one study, as it stands now. */
export function renderLiveStudy(study: LiveStudyPage): string {
  const { 'running-loss': losses = null } = study.losses === null ? {} : drawnFigures({ 'running-loss': study.losses });
  return eta.render('live/study', { ...study, ...liveAssets, title: `Study ${study.name}`, losses });
}

/** A page that says why there is nothing to show. */
export function renderMessage(title: string, words: string): string {
  return eta.render('live/message', { ...liveAssets, title, words });
}

function textOf(file: string): string {
  return readFileSync(new URL(file, import.meta.url), 'utf8');
}
