import { LambdamaxError } from '../../../errors.ts';
import type { Model } from '../../model.ts';
import { type Adapter, frozenWeights } from '../create.ts';
import { lowRank, rankStabilised } from '../forms/lowRank.ts';
import { doubledRank } from './doubledRank.ts';

/**
 * A plain LoRA on the unmodified base with the adapter's function: on residual weights W - s B0 A0 + s B A is
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
      remedy: 'merge it into the base instead: `mergeIntoBase`',
    });
  if (adapter.method.keepsFunctionBy === 'zeroUpdate') return adapter;
  const { layout, parameters } = doubledRank(adapter);
  const method = { name: form === lowRank ? 'lora' : 'rslora', form, keepsFunctionBy: 'zeroUpdate' } as const;
  const initial = parameters.slice();
  const weights = await frozenWeights(model, method, layout, { initial, brought: adapter.weights });
  return { method, layout, initSeed: adapter.initSeed, parameters, initial, weights };
}
