import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { predict } from '../../analysis/rates/predictor.ts';
import { readSweepCsv, type SweepCsvOptions } from '../../analysis/rates/sweepCsv.ts';
import { parseColumns } from '../../analysis/table/columns.ts';
import { inTemporaryFolder } from './temporaryFolder.ts';

/** The path of a table in `fixtures/tables`. */
export const tableFixture = (name: string) => new URL(`../../fixtures/tables/${name}`, import.meta.url).pathname;

/** What is made of a table: the best rate of each configuration, to two digits, and what was said. */
export async function readingOf(table: string | Buffer, options: SweepCsvOptions & { readonly given?: string } = {}) {
  const { given, ...rest } = options;
  const notices: string[] = [];
  let best: Record<string, string> = {};
  let direction = '';
  await inTemporaryFolder(async (folder) => {
    const path = join(folder, 'table.csv');
    await writeFile(path, table);
    const columns = given === undefined ? {} : { columns: parseColumns(given) };
    const sweep = readSweepCsv(path, { ...columns, ...rest, onNotice: (notice) => notices.push(notice) });
    direction = sweep.scoreDirection;
    const { points } = predict(sweep);
    best = Object.fromEntries(
      points.map(({ configuration, optimum }) => [configuration, optimum.learningRate.toPrecision(2)]),
    );
  });
  return { best, notices, direction };
}

/** The best rate of each configuration of a table, to two digits. */
export const optimaOf = async (table: string | Buffer, options?: Parameters<typeof readingOf>[1]) =>
  (await readingOf(table, options)).best;

/** Rates half a decade apart about `best`, and a parabola in their logarithm that is 1 at the best. */
export function curve(best: number, line: (rate: string, loss: string) => string): string[] {
  return [-2, -1, 0, 1, 2].map((step) =>
    line((best * 10 ** (step / 2)).toPrecision(6), (1 + (step / 2) ** 2 / 5).toFixed(4)),
  );
}

/** A table of lines under a header. */
export const table = (header: string, ...lines: readonly (string | readonly string[])[]) =>
  `${[header, ...lines.flat()].join('\n')}\n`;
