import { ArgumentError, LambdamaxError } from '../../errors.ts';
import { importModule } from '../userModule.ts';
import { codeFamily } from './code/family.ts';
import { commonsenseFamily } from './commonsense/family.ts';
import { instructionsFamily } from './instructions/family.ts';
import { mathFamily } from './math/family.ts';
import type { TaskFamily } from './task.ts';

/** The families of tasks, by name. */
export const taskFamilies: readonly TaskFamily[] = [codeFamily, commonsenseFamily, instructionsFamily, mathFamily];

/** What a family of the user's own must have, by type. */
const demanded = { metric: 'string', template: 'string', stop: 'object', read: 'function', judge: 'function' };

/**
 * The family called `name`: one of ours, or the default export of the user's own file, a `TaskFamily` in TypeScript or
 * JavaScript, whose name is then the file's. Throws an ArgumentError for a name that is not known and a LambdamaxError that names
 * the file and what is wrong with it.
 */
export async function loadTask(name: string): Promise<TaskFamily> {
  const known = taskFamilies.find((family) => family.name === name);
  if (known !== undefined) return known;
  const subject = `\`task: ${name}\``;
  if (!/\.[cm]?[jt]s$/.test(name)) {
    const choices = taskFamilies.map((family) => family.name);
    const expected = `${choices.join(', ')} or a file of your own, ./NAME.ts`;
    throw new ArgumentError({ subject: 'task', expected, got: name, choices });
  }
  const { exported: family, contentHash } = await importModule(name, subject);
  for (const [field, type] of Object.entries(demanded)) {
    if (typeof family[field] === type) continue;
    const expected = `a default export with a ${type} ${field}, a TaskFamily`;
    throw new LambdamaxError({ subject, expected, got: typeof family[field] });
  }
  return { ...(family as unknown as TaskFamily), name, contentHash };
}
