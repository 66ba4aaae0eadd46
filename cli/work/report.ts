import { basename } from 'node:path';
import type { ReportInput } from '../../analysis/report/reportInput.ts';
import { LambdamaxError } from '../../errors.ts';

/** Writes the page of a study, or of those of several tasks that a folder holds; returns what they say. */
export async function writeReport(
  folder: string,
  file: string,
): Promise<{ runs: number; runsDone: number; runsPlanned: number; verdicts: string[] }> {
  const { predict } = await import('../../analysis/rates/predictor.ts');
  const { readStudyFindings, reportInput, studyFolders } = await import('../../study/findings.ts');
  const { renderReport } = await import('../../analysis/report/report.ts');
  const { renderTasksReport } = await import('../../analysis/report/tasksReport.ts');
  const { writeFileWhole } = await import('../../training/checkpoint/files.ts');
  const reports = await Promise.all(
    (await studyFolders(folder)).map(async (one) => {
      const findings = await readStudyFindings(one);
      const task = findings.plan.task?.name ?? basename(one);
      return { task, report: reportInput(findings, predict(findings.sweep)) };
    }),
  );
  const [first, ...others] = reports;
  const page = others.length === 0 ? renderReport(first!.report) : renderTasksReport(reports);
  await writeElsewhere(writeFileWhole(file, page));
  const sum = (numberOf: (report: ReportInput) => number | null): number =>
    reports.reduce((total, { report }) => total + (numberOf(report) ?? 0), 0);
  return {
    runs: sum(({ sweep }) => sweep.runs.length),
    runsDone: sum(({ prediction }) => prediction.runsDone),
    runsPlanned: sum(({ prediction }) => prediction.runsPlanned),
    verdicts: reports.map(({ report }) => report.prediction.verdict),
  };
}

/** A fault in writing the report, with what to do about it. */
export async function writeElsewhere(writing: Promise<void>): Promise<void> {
  try {
    await writing;
  } catch (error) {
    if (!(error instanceof LambdamaxError)) throw error;
    const { subject, expected, got } = error;
    const remedy = 'write the page elsewhere: --out FILE';
    throw new LambdamaxError({ subject, expected, ...(got !== undefined && { got }), remedy, cause: error });
  }
}
