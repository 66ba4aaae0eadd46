import { LambdamaxError } from '../../errors.ts';
import type { StudyReport } from '../../study/report.ts';

/** Writes the page of a study, of those of several tasks that a folder holds, or of several studies; returns what it says. */
export async function writeReport(folders: readonly string[], file: string): Promise<Omit<StudyReport, 'page'>> {
  const { reportOf } = await import('../../study/report.ts');
  const { writeFileWhole } = await import('../../training/checkpoint/files.ts');
  const { page, ...said } = await reportOf(...folders);
  await writeElsewhere(writeFileWhole(file, page));
  return said;
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
