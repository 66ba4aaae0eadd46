import { totalSize } from '../../compute/index.ts';
import { type AdapterLayout, layoutTensors } from '../../training/adapters/layout.ts';
import type { IndexRange } from './block.ts';

/** Where each adapted module's own tensors lie in the flattened parameters. */
export function moduleRanges(layout: AdapterLayout): Map<string, IndexRange> {
  const ranges = new Map<string, IndexRange>();
  let start = 0;
  for (const [module, adapted] of layout.modules) {
    const end = start + totalSize(layoutTensors({ form: layout.form, modules: new Map([[module, adapted]]) }));
    ranges.set(module, { start, end });
    start = end;
  }
  return ranges;
}
