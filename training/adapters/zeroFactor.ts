import { viewTensors } from '../../compute/index.ts';
import { layoutTensors } from '../layout/layout.ts';
import type { Adapter } from './create.ts';

/**
 * Whether each module starts with a factor of its update that is wholly zero beside another that is trained, as B beside A in LoRA:
 * told from the initial values. A module of one tensor has no such pair, and its curvature no part of it.
 */
export function startsAtZeroB({ layout, initial }: Pick<Adapter, 'layout' | 'initial'>): boolean {
  const tensors = [...viewTensors(initial, layoutTensors(layout))];
  return [...layout.modules.keys()].every((module) => {
    const own = tensors.filter(([name]) => name.startsWith(`${module}.`));
    return own.length > 1 && own.some(([, values]) => values.every((one) => one === 0));
  });
}
