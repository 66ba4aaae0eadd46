import { UsageError } from '../../errors.ts';
import type { AdapterMethod } from './adapter.ts';
import { initAb } from './initAb.ts';
import { lora } from './lora.ts';
import { milora } from './milora.ts';
import { olora } from './olora.ts';
import { pissa } from './pissa.ts';

/** All LoRA variants, sorted by name; a new one is a file and a line. */
export const adapterMethods: readonly AdapterMethod[] = [
  initAb, //
  lora,
  milora,
  olora,
  pissa,
];

/**
 * The variant called `name`, as `--method` takes it.
 *
 * @throws UsageError that lists the known names.
 */
export function adapterMethod(name: string): AdapterMethod {
  const method = adapterMethods.find((candidate) => candidate.name === name);
  if (method === undefined) {
    const known = adapterMethods.map((candidate) => candidate.name).join(', ');
    throw new UsageError({ subject: '--method', expected: `one of ${known}`, got: name });
  }
  return method;
}
