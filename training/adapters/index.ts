import { UsageError } from '../../errors.ts';
import type { AdapterMethod } from './adapter.ts';
import { dora } from './dora.ts';
import { initAb } from './initAb.ts';
import { lora } from './lora.ts';
import { milora } from './milora.ts';
import { olora } from './olora.ts';
import { pissa } from './pissa.ts';
import { rslora } from './rslora.ts';

/** All LoRA variants, sorted by name; a new one is a file and a line. */
export const adapterMethods: readonly AdapterMethod[] = [dora, initAb, lora, milora, olora, pissa, rslora];

/**
 * The variant called `name`, as `--method` takes it.
 *
 * @throws UsageError that lists the known names.
 */
export function adapterMethod(name: string): AdapterMethod {
  const method = knownMethod(name);
  if (method !== undefined) return method;
  const known = adapterMethods.map((candidate) => candidate.name).join(', ');
  throw new UsageError({ subject: '--method', expected: `one of ${known}`, got: name });
}

/** The same, or undefined for a name that is not known. */
export function knownMethod(name: string): AdapterMethod | undefined {
  return adapterMethods.find((candidate) => candidate.name === name);
}
