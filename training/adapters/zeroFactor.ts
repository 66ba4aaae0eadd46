import { viewTensors } from '../../compute/index.ts';
import { layoutTensors } from '../layout/layout.ts';
import type { Adapter } from './create.ts';

/** Whether each module starts with a factor of its update that is wholly zero, as B is in LoRA: told from the initial values. */
export function startsAtZeroB({ layout, initial }: Pick<Adapter, 'layout' | 'initial'>): boolean {
  const zeros = [...viewTensors(initial, layoutTensors(layout))].filter(([, values]) =>
    values.every((one) => one === 0),
  );
  return [...layout.modules.keys()].every((module) => zeros.some(([name]) => name.startsWith(`${module}.`)));
}
