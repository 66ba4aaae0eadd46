import * as tf from '@tensorflow/tfjs';
import { z } from 'zod';
import { sizeOf } from '../../../compute/index.ts';
import { LambdamaxError } from '../../../errors.ts';
import type { AdapterForm } from '../../layout/form.ts';
import { noPatterns, type PeftKind, type PeftType, parse } from '../../peft/config.ts';
import { tensorOf } from '../forms/tensorOf.ts';
import type { AdapterMethod } from '../method.ts';
import type { Settings } from '../settings.ts';

const block = 'miss_block';

/**
 * MiSS's form, y = x W' + (x_1 + x_2 + ...) D: the inputs are cut into shards x_k of `rank` each, the last filled up with zeros, and
 * all shards share D [rank, out]. It is LoRA with B = D' and a fixed A that adds the shards up; there is no factor s. With `miniRank`
 * D has so many columns and is repeated over the outputs. Kang and Yin 2024, arXiv 2409.15371.
 */
function makeShards(miniRank: number | null): AdapterForm {
  return {
    name: miniRank === null ? 'shards' : `shards, ${miniRank} columns`,
    scaling: () => 1,
    peft: miniRank === null ? { type: 'MISS', form: 'standard' } : { type: 'MISS', form: 'mini', miniRank },
    tensors: (shape, { rank }) => [{ name: block, shape: [rank, miniRank ?? shape.out] }],
    check(module, shape, { rank }) {
      requireRank(module, rank, shape.in);
      if (miniRank !== null) requireMultiple(`the outputs of ${module}`, shape.out, miniRank, 'mini_r');
    },
    apply(x, weight, tensors, { rank }) {
      const [positions, inputs] = x.shape;
      const shards = Math.ceil(inputs / rank);
      const filled = tf.pad(x, [
        [0, 0],
        [0, shards * rank - inputs],
      ]);
      const sum = tf.sum<tf.Tensor2D>(tf.reshape(filled, [positions, shards, rank]), 1);
      const D = tensorOf(tensors, block) as tf.Tensor2D;
      const whole = miniRank === null ? D : tf.tile(D, [1, weight.shape[0] / miniRank]);
      return tf.add<tf.Tensor2D>(tf.matMul(x, weight, false, true), tf.matMul(sum, whole));
    },
    update(shape, tensors, { rank }) {
      const D = tensorOf(tensors, block);
      const width = D.length / rank;
      return Float64Array.from({ length: shape.out * shape.in }, (_, index) => {
        const [row, column] = [Math.floor(index / shape.in), index % shape.in];
        return D[(column % rank) * width + (row % width)]!;
      });
    },
  };
}

/**
 * The form that PEFT calls `bat`: W is cut into blocks W_oc of [rank, rank], and each becomes W_oc + W_oc D_o + D_o, with one D_o for
 * all blocks of the same outputs [out/rank, rank, rank].
 */
const bat: AdapterForm = {
  name: 'shards of the weight',
  scaling: () => 1,
  peft: { type: 'MISS', form: 'bat' },
  tensors: (shape, { rank }) => [{ name: block, shape: [shape.out / rank, rank, rank] }],
  check(module, shape, { rank }) {
    requireRank(module, rank, shape.in);
    requireMultiple(`the inputs of ${module}`, shape.in, rank, 'rank');
    requireMultiple(`the outputs of ${module}`, shape.out, rank, 'rank');
  },
  apply(x, weight, tensors, { rank }) {
    const [out, inputs] = weight.shape;
    const D = tensorOf(tensors, block) as tf.Tensor3D;
    const [bands, across] = [out / rank, inputs / rank];
    const product = tf.matMul(tf.reshape(weight, [bands, rank * across, rank]) as tf.Tensor3D, D);
    const change = tf.add(tf.reshape(product, [bands, rank, across, rank]), tf.reshape(D, [bands, rank, 1, rank]));
    return tf.matMul(x, tf.add<tf.Tensor2D>(weight, tf.reshape(change, [out, inputs])), false, true);
  },
  update(shape, tensors, { rank }, weight) {
    const D = tensorOf(tensors, block);
    return Float64Array.from({ length: shape.out * shape.in }, (_, index) => {
      const [row, column] = [Math.floor(index / shape.in), index % shape.in];
      const [band, inBlock] = [Math.floor(row / rank) * rank, column % rank];
      let sum = D[row * rank + inBlock]!;
      for (let term = 0; term < rank; term++)
        sum += weight![index - inBlock + term]! * D[(band + term) * rank + inBlock]!;
      return sum;
    });
  },
};

/** Every form is made once: the same form is the same object. */
const shardForms = new Map<number | null, AdapterForm>();

function shards(miniRank: number | null): AdapterForm {
  const form = shardForms.get(miniRank) ?? makeShards(miniRank);
  shardForms.set(miniRank, form);
  return form;
}

const schema = z.looseObject({
  init_weights: z.union([z.boolean(), z.enum(['bat', 'mini'])]).nullish(),
  mini_r: z.int().min(1).nullish(),
});

/** PEFT's `MISS`. */
const missType: PeftType = {
  type: 'MISS',
  tensors: /miss_/,
  hasAlpha: false,
  hasFanInFanOut: false,
  fields: { exclude_modules: 'used', init_weights: 'used', mini_r: 'used', miss_dropout: 'harmless' },
  read(raw, file) {
    const { init_weights: form, mini_r: miniRank } = parse(file, schema, raw);
    return { kind: kindOf(form ?? true, miniRank ?? 1), alpha: 1, ...noPatterns };
  },
  write: ({ kind }) => ({
    init_weights: kind.form === 'standard' ? true : kind.form,
    mini_r: kind.miniRank ?? 1,
    miss_dropout: 0,
  }),
};

/** Without `bat` and `mini`, PEFT's `init_weights` says what training starts from, and nothing about the form. */
function kindOf(form: boolean | 'bat' | 'mini', miniRank: number): PeftKind {
  if (form === 'mini') return { type: 'MISS', form, miniRank };
  return { type: 'MISS', form: form === 'bat' ? form : 'standard' };
}

function formOf({ form, miniRank }: PeftKind): AdapterForm {
  return form === 'bat' ? bat : shards(form === 'mini' ? Number(miniRank) : null);
}

/**
 * MiSS: D = 0. `form=bat` multiplies the shards of the weight as well; `form=mini` with `mini_r` (1) columns repeats D over the
 * outputs. Forms and initial values as in PEFT.
 */
export function miss(settings: Settings): AdapterMethod {
  const name = settings.choice('form', ['standard', 'bat', 'mini'], 'standard');
  const form = formOf(kindOf(name === 'standard' || name, name === 'mini' ? settings.whole('mini_r', 1, 1) : 1));
  return {
    name: 'miss',
    peft: { ...missType, formOf: (kind) => ({ name: 'miss', form: formOf(kind) }) },
    form,
    keepsFunctionBy: 'zeroUpdate',
    // The update is linear in D, its only factor.
    startsAtZeroB: false,
    initialise({ module, shape, size }) {
      form.check!(module, shape, size);
      return new Map(form.tensors(shape, size).map((tensor) => [tensor.name, new Float64Array(sizeOf(tensor.shape))]));
    },
  };
}

/** Shards may be longer than there are outputs, but not than there are inputs. */
function requireRank(module: string, rank: number, limit: number): void {
  if (Number.isInteger(rank) && rank >= 1 && rank <= limit) return;
  const expected = `a whole number from 1 to ${limit}`;
  throw new LambdamaxError({ subject: `\`rank\` for ${module}`, expected, got: rank });
}

function requireMultiple(subject: string, got: number, divisor: number, name: string): void {
  if (got % divisor === 0) return;
  const remedy = `choose another ${name}, or leave this module out of \`targetModules\``;
  throw new LambdamaxError({ subject, expected: `a multiple of miss's ${name} ${divisor}`, got, remedy });
}
