import type { Figure } from '../figures/figure.ts';
import { formatRate } from '../rates/format.ts';
import { renderPage } from './page.ts';
import { reportFigures, studyContent } from './report.ts';
import type { ReportInput } from './reportInput.ts';
import { formatShare, missing, scoreName, type WordTable } from './tables.ts';

/** The report of the study of one task. */
export interface TaskReport {
  readonly task: string;
  readonly report: ReportInput;
}

/**
 * Studies of several tasks as one page, like `renderReport`'s: the best rates side by side, and then one study after the other.
 * The date is that of the first.
 */
export function renderTasksReport(reports: readonly TaskReport[]): string {
  const figures: Record<string, Figure> = {};
  const studies = reports.map(({ task, report }, index) => {
    const own = reportFigures(report);
    // Tasks may be files, whose paths are no ids.
    const id = `task-${index + 1}-`;
    for (const [name, figure] of Object.entries(own)) figures[id + name] = figure;
    return { task, ...studyContent(report, own, id) };
  });
  const title = `Learning rates and curvature on ${reports.map(({ task }) => task).join(', ')}`;
  const { generatedAt } = reports[0]?.report ?? {};
  const head = { title, setting: [`${reports.length} tasks`], ...(generatedAt !== undefined && { generatedAt }) };
  return renderPage('tasks', { ...head, optima: optimaTable(reports), studies }, figures);
}

/** The optimum of each configuration on each task. */
export function optimaTable(reports: readonly TaskReport[]): WordTable {
  const points = reports.map(({ report }) => report.prediction.points);
  const names = [...new Set(points.flatMap((own) => own.map(({ configuration }) => configuration)))];
  return {
    header: ['Configuration', ...reports.map(({ task, report }) => `${task}, ${scoreName(report.prediction)}`)],
    rows: names.map((name) => [
      name,
      ...points.map((own) => {
        const optimum = own.find(({ configuration }) => configuration === name)?.optimum;
        return optimum === undefined ? missing : `${formatRate(optimum.learningRate)}: ${formatShare(optimum)}`;
      }),
    ]),
    note: 'The best learning rate on each task, and the score there; of a share with its 95 % confidence interval (Wilson).',
  };
}
