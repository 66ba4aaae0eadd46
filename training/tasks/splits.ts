import { LambdamaxError } from '../../errors.ts';
import type { TaskFamily, TaskRequest, TaskRow, TaskSplit } from './task.ts';

/** The task that is taken where neither data nor a task is named: the bundled model was made for it. */
export const bundledTask = 'math';

/** The problems of its own that a family is asked for, to train on, to compare runs by, and to examine a model, unless told otherwise. */
export const defaultSplits: Readonly<Record<TaskSplit, TaskRequest>> = {
  train: { split: 'train', count: 1000, seed: 1 },
  validation: { split: 'validation', count: 200, seed: 1 },
  test: { split: 'test', count: 500, seed: 1 },
};

/** Problems of a family's own, as rows. Throws a LambdamaxError if it has none, or not so many. */
export function generatedRows(family: TaskFamily, request: TaskRequest): readonly TaskRow[] {
  const subject = `task ${family.name}`;
  if (family.generate === undefined) {
    const remedy = 'its problems come from files: `data`';
    throw new LambdamaxError({ subject, expected: 'problems of its own', got: 'none', remedy });
  }
  const rows = family.generate(request);
  if (Array.isArray(rows) && rows.length === request.count) return rows;
  const expected = `${request.count} problems of its own (${request.split})`;
  throw new LambdamaxError({ subject, expected, got: Array.isArray(rows) ? rows.length : typeof rows });
}
