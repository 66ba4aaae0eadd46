import { LambdamaxError } from '../errors.ts';
import type { TokenRow } from './data/examples.ts';
import { countOf, type Listener } from './data/notices.ts';
import type { Model } from './model.ts';
import {
  type ProblemRow,
  type ReadProblemsOptions,
  readProblemRows,
  type TaskTokenOptions,
  taskTokenRows,
} from './taskData.ts';
import { loadTask } from './tasks/index.ts';
import type { TaskFamily, TaskProblem } from './tasks/task.ts';

/** Problems of a task. */
export interface Task {
  readonly family: TaskFamily;
  /** What they were read from. */
  readonly rows: readonly ProblemRow[];
  readonly problems: readonly TaskProblem[];
}

/** Reads problems of a task, by its name or file: from data files, or those of its own for a purpose. */
export async function readTask(name: string, source: ReadProblemsOptions): Promise<Task> {
  const family = await loadTask(name);
  return taskFrom(family, await readProblemRows(family, source));
}

/** The problems in some rows. */
export function taskFrom(family: TaskFamily, rows: readonly ProblemRow[]): Task {
  return { family, rows, problems: rows.map(({ row, subject }) => family.read(row, subject)) };
}

/** The rows of problems that have responses; tells what was cut. */
export async function responseRows(
  model: Model,
  { family, problems }: Task,
  options: TaskTokenOptions & { readonly maxLength: number },
  { say }: Pick<Listener, 'say'>,
): Promise<readonly TokenRow[]> {
  const all = await taskTokenRows(model, family, problems, options);
  const cut = all.filter(({ isCut }) => isCut).length;
  if (cut > 0)
    say(
      `cut to ${options.maxLength} tokens, the most a row may have: the responses of ${cut} of ${problems.length} problems`,
    );
  return all.flatMap(({ row }) => row ?? []);
}

/** The rows of problems to train on; tells what was cut. Throws a LambdamaxError if none has a response. */
export async function trainingRows(
  model: Model,
  task: Task,
  options: TaskTokenOptions & { readonly maxLength: number },
  listener: Pick<Listener, 'say'>,
): Promise<readonly TokenRow[]> {
  const rows = await responseRows(model, task, options, listener);
  if (rows.length > 0) return rows;
  const got = `none in ${countOf(task.problems.length)}`;
  throw new LambdamaxError({ subject: `task ${task.family.name}`, expected: 'responses to train on', got });
}
