import { totalSize, type Vector, viewTensors, zeros } from '../../../compute/index.ts';
import { precisionOf } from '../../../compute/tensors.ts';
import type { AdaptedModule, AdapterForm } from '../../layout/form.ts';
import { type AdapterLayout, layoutTensors } from '../../layout/layout.ts';
import type { Adapter } from '../create.ts';

// An adapter on residual weights, W - s B0 A0 + s B A, is W + s [B, -B0] [A; A0] on the base as it is: of twice the rank,
// as PEFT converts it (`path_initial_model_for_weight_conversion`). Nothing is lost: both halves are there to the last bit.

/** Parameters, and the layout by which they are flattened. */
export interface FlatAdapter {
  readonly layout: AdapterLayout;
  readonly parameters: Vector;
}

const factorA = 'lora_A.weight';
const factorB = 'lora_B.weight';

/** Whether a form has LoRA's factors A and B, whose ranks can be doubled; magnitudes before the sum do no harm. */
export function hasFactors({ peft }: AdapterForm): boolean {
  return peft?.type === 'LORA';
}

/** [A; A0] and [B, -B0] of every module; what else the form trains as it is. */
export function doubledRank({
  layout,
  parameters,
  initial,
}: Pick<Adapter, 'layout' | 'parameters' | 'initial'>): FlatAdapter {
  const larger = doubledLayout(layout);
  const doubled = zeros(totalSize(layoutTensors(larger)), precisionOf(parameters));
  const target = viewTensors(doubled, layoutTensors(larger));
  const [own, first] = [parameters, initial].map((vector) => viewTensors(vector, layoutTensors(layout)));
  for (const [name, values] of own!) {
    const both = target.get(name)!;
    both.set(values);
    if (name.endsWith(factorA)) both.set(first!.get(name)!, values.length);
    if (name.endsWith(factorB)) both.set(sideBySide(values, first!.get(name)!, rankOf(layout, name)));
  }
  return { layout: larger, parameters: doubled };
}

/** The halves of `doubledRank`: the parameters of this layout, and those at step 0; what is not doubled is in both. */
export function halvesOf(
  layout: AdapterLayout,
  doubled: Vector,
): { readonly parameters: Vector; readonly initial: Vector } {
  const specs = layoutTensors(layout);
  const [parameters, initial] = [0, 1].map(() => zeros(totalSize(specs), precisionOf(doubled)));
  const [own, first] = [parameters!, initial!].map((vector) => viewTensors(vector, specs));
  for (const [name, both] of viewTensors(doubled, layoutTensors(doubledLayout(layout)))) {
    const [values, before] = [own!.get(name)!, first!.get(name)!];
    if (name.endsWith(factorB)) apart(both, values, before, rankOf(layout, name));
    else {
      values.set(both.subarray(0, values.length));
      before.set(both.subarray(both.length - values.length));
    }
  }
  return { parameters: parameters!, initial: initial! };
}

/** Twice the ranks, with alphas that leave s as it is. */
export function doubledLayout(layout: AdapterLayout): AdapterLayout {
  const { form, modules } = layout;
  const larger = new Map<string, AdaptedModule>();
  for (const [module, { shape, size }] of modules) {
    const rank = 2 * size.rank;
    // s is alpha over a function of the rank. Where that is the rank, alpha is doubled exactly.
    const alpha = size.alpha * (form.scaling({ ...size, alpha: 1 }) / form.scaling({ rank, alpha: 1 }));
    larger.set(module, { shape, size: { rank, alpha } });
  }
  return { ...layout, modules: larger };
}

function rankOf({ modules }: AdapterLayout, tensor: string): number {
  return modules.get(tensor.slice(0, -`.${factorB}`.length))!.size.rank;
}

/** [B, -B0], [out, 2 rank]. */
function sideBySide(B: Vector, initial: Vector, rank: number): Vector {
  const both = zeros(2 * B.length, precisionOf(B));
  for (let start = 0; start < B.length; start += rank)
    for (let term = 0; term < rank; term++) {
      both[2 * start + term] = B[start + term]!;
      both[2 * start + rank + term] = -initial[start + term]!;
    }
  return both;
}

/** The reverse of `sideBySide`. */
function apart(both: Vector, B: Vector, initial: Vector, rank: number): void {
  for (let start = 0; start < B.length; start += rank)
    for (let term = 0; term < rank; term++) {
      B[start + term] = both[2 * start + term]!;
      initial[start + term] = -both[2 * start + rank + term]!;
    }
}
