import { sizeOf, type Vector, zeros } from '../../../compute/index.ts';
import { precisionOf } from '../../../compute/tensors.ts';
import { type AdapterLayout, layoutTensors } from '../../../training/layout/layout.ts';
import { matchModules } from '../../../training/layout/matchModules.ts';

/** The indices from `start` (inclusive) to `end` (exclusive). */
export interface IndexRange {
  readonly start: number;
  readonly end: number;
}

/** Some of an adapter's parameters: the variables of a curvature, all others held fixed. */
export interface ParameterGroup {
  readonly name: string;
  /** The names of its tensors, in the adapter's order. */
  readonly tensors: readonly string[];
  /** Where these lie in the flattened parameters, one range each. */
  readonly ranges: readonly IndexRange[];
  /** The number of its parameters. */
  readonly size: number;
}

/** Each adapted module's own parameters; only of `modules` if they are given. */
export function groupsByModule(
  layout: AdapterLayout,
  modules: readonly string[] = [...layout.modules.keys()],
): ParameterGroup[] {
  return modules.map((module) => groupOf(layout, [module], module));
}

/** Each layer's parameters. A layer's name is what its modules' names begin with, up to a number: `model.layers.0`. */
export function groupsByLayer(layout: AdapterLayout): ParameterGroup[] {
  const layers = new Map<string, string[]>();
  for (const module of layout.modules.keys()) {
    const layer = /^.*?\.\d+(?=\.)/.exec(module)?.[0] ?? module;
    layers.set(layer, [...(layers.get(layer) ?? []), module]);
  }
  return [...layers].map(([layer, modules]) => groupOf(layout, modules, layer));
}

/**
 * The parameters of all modules that a comma list of name endings or a regular expression names. Throws a
 * LambdamaxError for one that matches no module.
 */
export function matchingGroup(layout: AdapterLayout, pattern: string): ParameterGroup {
  return groupOf(layout, matchModules([...layout.modules.keys()], pattern), pattern);
}

/** The parameters of these modules. */
export function groupOf(layout: AdapterLayout, modules: readonly string[], name: string): ParameterGroup {
  const tensors: string[] = [];
  const ranges: IndexRange[] = [];
  let start = 0;
  for (const [module, adapted] of layout.modules) {
    const isMember = modules.includes(module);
    for (const tensor of layoutTensors({ form: layout.form, modules: new Map([[module, adapted]]) })) {
      const end = start + sizeOf(tensor.shape);
      if (isMember) {
        tensors.push(tensor.name);
        ranges.push({ start, end });
      }
      start = end;
    }
  }
  return { name, tensors, ranges, size: ranges.reduce((sum, { start, end }) => sum + end - start, 0) };
}

/** A group's entries of a vector over all parameters, one after another. */
export function entriesOf<V extends Vector>(group: ParameterGroup, whole: V): V {
  const entries = zeros(group.size, precisionOf(whole)) as V;
  let at = 0;
  for (const { start, end } of group.ranges) {
    entries.set(whole.subarray(start, end), at);
    at += end - start;
  }
  return entries;
}
