import { createHash } from 'node:crypto';
import { liveAssets, renderLiveStudy, renderMessage, renderStudiesPage } from '../../analysis/report/live/livePages.ts';
import { pageScript } from '../../analysis/report/page.ts';
import { LambdamaxError } from '../../errors.ts';
import { reportOf } from '../report.ts';
import { type ListedStudy, listStudies } from './listed.ts';
import { type LiveReader, unreadable } from './liveStudy.ts';

/** What a server says to a request. */
export interface Answer {
  readonly status: number;
  readonly page: string;
  /** What a browser may load and run in the page: a Content-Security-Policy. */
  readonly policy: string;
}

const hash = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

const nothingElse = "base-uri 'none'; frame-ancestors 'none'";

/** A live page runs the one script that it has, and asks this server alone. */
const livePolicy = `default-src 'none'; script-src ${hash(liveAssets.script)}; style-src ${hash(liveAssets.style)}; connect-src 'self'; img-src data:; form-action 'self'; ${nothingElse}`;

/** A report's script adds plotly.js, which is inside the page and makes styles of its own. Nothing is fetched. */
const reportPolicy = `default-src 'none'; script-src ${hash(pageScript())} 'strict-dynamic'; style-src 'unsafe-inline'; img-src data: blob:; form-action 'none'; ${nothingElse}`;

/** Answers requests about the studies in a folder. Names of studies are looked up in the list of those there, and lead nowhere else. */
export function answering(folder: string, reader: LiveReader): (path: string) => Promise<Answer> {
  return async (path) => {
    const { pathname, searchParams } = new URL(path, 'http://localhost');
    const listed = await listStudies(folder);
    if (pathname === '/') return live(renderStudiesPage(folder, await summaries(listed, reader)));
    if (pathname !== '/study' && pathname !== '/report') return message(404, 'Not found', 'There is no such page.');
    const names = [...new Set(searchParams.getAll('study'))];
    const chosen = names.flatMap((name) => listed.find((study) => study.name === name) ?? []);
    if (names.length === 0) return message(400, 'No study was chosen', 'Go back, and choose one study or several.');
    if (chosen.length < names.length) return message(404, 'Not found', 'There is no study of this name.');
    try {
      if (pathname === '/study') return live(renderLiveStudy(await reader.page(chosen[0]!)));
      const { page } = await reportOf(...chosen.map((study) => study.folder));
      return { status: 200, page, policy: reportPolicy };
    } catch (error) {
      if (error instanceof LambdamaxError) return message(409, 'This cannot be shown now', `${error.message}.`);
      throw error;
    }
  };
}

/** An answer in words. */
export function message(status: number, title: string, words: string): Answer {
  return { ...live(renderMessage(title, words)), status };
}

function live(page: string): Answer {
  return { status: 200, page, policy: livePolicy };
}

/** One study that cannot be read does not hide the others. Those that run stand first. */
async function summaries(listed: readonly ListedStudy[], reader: LiveReader) {
  const all = await Promise.all(
    listed.map((study) =>
      reader.summary(study).catch((error: unknown) => {
        if (error instanceof LambdamaxError) return unreadable(study, error.message);
        throw error;
      }),
    ),
  );
  const isRunning = ({ state }: { readonly state: string }): number => (state === 'running' ? 1 : 0);
  return all.toSorted((a, b) => isRunning(b) - isRunning(a));
}
