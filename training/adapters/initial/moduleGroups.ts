import type { AdaptedModule, LinearShape } from '../../layout/form.ts';

/** Numbers that a group of modules may need together: 2^25, 134 MB in float32. */
const mostNumbers = 2 ** 25;

/** The modules in their order, in groups that need at most 2^25 numbers each, or of one module that needs more. */
export function* moduleGroups(
  modules: ReadonlyMap<string, AdaptedModule>,
  numbersOf: (shape: LinearShape) => number,
): Generator<ReadonlyMap<string, AdaptedModule>> {
  let group = new Map<string, AdaptedModule>();
  let numbers = 0;
  for (const [name, module] of modules) {
    const own = numbersOf(module.shape);
    if (group.size > 0 && numbers + own > mostNumbers) {
      yield group;
      [group, numbers] = [new Map(), 0];
    }
    group.set(name, module);
    numbers += own;
  }
  if (group.size > 0) yield group;
}
