import { isAbsolute } from 'node:path';
import { LambdamaxError } from '../../errors.ts';
import type { AdapterForm } from '../layout/form.ts';
import { importModule } from '../userModule.ts';
import type { AdapterMethod } from './method.ts';

/** Whether a method's name is that of a file of the user's own: `./my-variant.ts`. */
export function isMethodFile(name: string): boolean {
  return /\.[cm]?[jt]s$/.test(name) || name.startsWith('./') || name.startsWith('../') || isAbsolute(name);
}

/**
 * The LoRA variant called `name`: one of ours, or the default export of the user's own file, an `AdapterMethod` in
 * TypeScript or JavaScript. Its name is then the file's, as it was given. `field` is what an error says it
 * was given as. Throws an ArgumentError for a name that is not known and a LambdamaxError that names the file and what is wrong with it.
 */
export async function loadMethod(name: string, field = 'method'): Promise<AdapterMethod> {
  if (!isMethodFile(name)) {
    const { adapterMethod } = await import('./index.ts');
    return adapterMethod(name, field);
  }
  const subject = `\`${field}: ${name}\``;
  const fault = (expected: string, got: unknown) => new LambdamaxError({ subject, expected, got });
  const { exported, contentHash } = await importModule(name, subject);
  const method: Partial<AdapterMethod> = exported;
  const fields = { ...method, 'form.name': method.form?.name };
  for (const [field, type] of [
    ['initialise', 'function'],
    ['form', 'object'],
    ['form.name', 'string'],
  ] as const) {
    const got = typeof (fields as Record<string, unknown>)[field];
    if (got !== type) throw fault(`a default export with a ${type} ${field}, an AdapterMethod`, got);
  }
  const form = method.form as AdapterForm;
  for (const field of ['scaling', 'tensors', 'apply', 'update'] as const)
    if (typeof form[field] !== 'function') throw fault(`a form with a function ${field}`, typeof form[field]);
  if (method.keepsFunctionBy !== 'zeroUpdate' && method.keepsFunctionBy !== 'residualWeight')
    throw fault('keepsFunctionBy zeroUpdate or residualWeight', method.keepsFunctionBy ?? 'none');
  return { ...(method as AdapterMethod), name, contentHash, form: await ownForm(name, form) };
}

/**
 * One of our forms as it is, and any other under a name that none of ours has, since compiled graphs are kept by the names
 * of their forms; PEFT does not know it, whatever it was made from.
 */
async function ownForm(file: string, form: AdapterForm): Promise<AdapterForm> {
  const { formOfKind } = await import('./index.ts');
  const { peft, ...own } = form;
  if (peft !== undefined && formOfKind(peft)?.form === form) return form;
  return { ...own, name: `${form.name} of ${file}` };
}
