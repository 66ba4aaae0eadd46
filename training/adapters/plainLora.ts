import { type Vector, viewTensors, zeros } from '../../compute/index.ts';
import { totalSize } from '../../compute/tensors.ts';
import { LambdamaxError } from '../../errors.ts';
import type { Model } from '../model.ts';
import type { AdaptedModule } from './adapter.ts';
import { type Adapter, frozenWeights } from './create.ts';
import { type AdapterLayout, layoutTensors } from './layout.ts';
import { lowRank, rankStabilised } from './lowRank.ts';

/**
 * The same function as a plain LoRA on the unmodified base: of an adapter on residual weights, W - s B0 A0 + s B A is
 * W + s [B, -B0] [A; A0], of twice the rank. (PEFT's `path_initial_model_for_weight_conversion`.) An adapter that stands on
 * the base as it is comes back as it was given. Throws a LambdamaxError for one that is no low-rank adapter.
 */
export async function toPlainLora(model: Model, adapter: Adapter): Promise<Adapter> {
  const { form } = adapter.method;
  if (form !== lowRank && form !== rankStabilised)
    throw new LambdamaxError({
      subject: `an adapter of method ${adapter.method.name}`,
      expected: 'one with factors A and B alone',
      got: `the form ${form.name}`,
      remedy: 'merge it into the base instead: --as checkpoint',
    });
  if (adapter.method.keepsFunctionBy === 'zeroUpdate') return adapter;
  const layout = doubled(adapter.layout);
  const parameters = zeros(totalSize(layoutTensors(layout)), model.precision);
  const [own, initial, both] = [
    viewTensors(adapter.parameters, layoutTensors(adapter.layout)),
    viewTensors(adapter.initial, layoutTensors(adapter.layout)),
    viewTensors(parameters, layoutTensors(layout)),
  ];
  for (const [module, { size }] of adapter.layout.modules) {
    const [a, b] = [`${module}.lora_A.weight`, `${module}.lora_B.weight`];
    both.get(a)!.set(own.get(a)!);
    both.get(a)!.set(initial.get(a)!, own.get(a)!.length);
    sideBySide(both.get(b)!, own.get(b)!, initial.get(b)!, size.rank);
  }
  const method = { name: form === lowRank ? 'lora' : 'rslora', form, keepsFunctionBy: 'zeroUpdate' } as const;
  const initialValues = parameters.slice();
  const weights = await frozenWeights(model, method, layout, { initial: initialValues, shared: new Map() });
  return { method, layout, initSeed: adapter.initSeed, parameters, initial: initialValues, weights };
}

/** Twice the ranks, with alphas that leave s as it is. */
function doubled({ form, modules }: AdapterLayout): AdapterLayout {
  const larger = new Map<string, AdaptedModule>();
  for (const [module, { shape, size }] of modules) {
    const rank = 2 * size.rank;
    // s is alpha over a function of the rank.
    const alpha = form.scaling(size) / form.scaling({ rank, alpha: 1 });
    larger.set(module, { shape, size: { rank, alpha } });
  }
  return { form, modules: larger };
}

/** [B, -B0], [out, 2 rank]. */
function sideBySide(target: Vector, B: Vector, initial: Vector, rank: number): void {
  for (let row = 0; row < B.length / rank; row++)
    for (let term = 0; term < rank; term++) {
      target[row * 2 * rank + term] = B[row * rank + term]!;
      target[row * 2 * rank + rank + term] = -initial[row * rank + term]!;
    }
}
