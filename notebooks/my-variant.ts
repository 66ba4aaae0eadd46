/**
 * A LoRA variant of your own, in a file: every command takes it where it takes a name.
 *
 *     npx lambdamax finetune --data train.jsonl --method ./notebooks/my-variant.ts --lr 1e-3 --steps 100 --out runs/mine
 *     npx lambdamax spectrum --data train.jsonl --method ./notebooks/my-variant.ts
 *     npx lambdamax sweep --methods lora,./notebooks/my-variant.ts
 *     npx lambdamax evaluate --data test.jsonl --adapter runs/mine/adapter --method ./notebooks/my-variant.ts
 *
 * The file's default export is an `AdapterMethod`: initial values, and a form, which says how an adapted layer computes.
 * Most variants differ from LoRA in initial values alone. For those take the form `lowRank`: they share LoRA's compiled
 * graph, and PEFT loads their adapters. This one has a form of its own: "gated LoRA", y = x W' + g * (x A') B', where a
 * scalar g is trained in the place of the fixed alpha / rank. Its derivatives of first and second order are nobody's work:
 * they follow from `apply`, which is plain TensorFlow.js.
 */
import * as tf from '@tensorflow/tfjs';
import { type AdapterForm, type AdapterMethod, adapterMethod, kaimingUniform, lowRank } from 'lambdamax/training';

const gated: AdapterForm = {
  name: 'gated',
  // Only recorded: what takes part in the function is a tensor here.
  scaling: ({ rank, alpha }) => alpha / rank,
  // Names and shapes of what is trained in one layer, in the order in which it is flattened.
  tensors: (shape, { rank }) => [
    { name: 'lora_A.weight', shape: [rank, shape.in] },
    { name: 'lora_B.weight', shape: [shape.out, rank] },
    { name: 'gate', shape: [1] },
  ],
  // x [positions, in] and the frozen W [out, in] in, y [positions, out] out. (Numbers that are not exact in float32, such as
  // 0.1, go through `constant` of lambdamax/compute: TensorFlow.js would round them, in float64 programs too.)
  apply(x, weight, tensors) {
    const [A, B] = [tensors.get('lora_A.weight') as tf.Tensor2D, tensors.get('lora_B.weight') as tf.Tensor2D];
    const gate = tensors.get('gate')!;
    const change = tf.matMul(tf.mul<tf.Tensor2D>(tf.matMul(x, A, false, true), gate), B, false, true);
    return tf.add<tf.Tensor2D>(tf.matMul(x, weight, false, true), change);
  },
  // The same as a matrix [out, in], for merging: g times LoRA's B A, which lowRank knows at rank = alpha.
  update(shape, tensors, { rank }) {
    const [gate] = tensors.get('gate')!;
    return lowRank.update(shape, tensors, { rank, alpha: rank }).map((value) => gate! * value);
  },
};

const method: AdapterMethod = {
  name: 'gated-lora',
  form: gated,
  // The update is zero at first, since B is. (`residualWeight` would freeze W - update instead of W.)
  keepsFunctionBy: 'zeroUpdate',
  // One layer's values. `weight`, the module's name and, if `sample` is set, gradients or statistics are there as well.
  initialise: ({ shape, size: { rank, alpha }, random }) =>
    new Map([
      ['lora_A.weight', kaimingUniform(rank * shape.in, shape.in, random)],
      ['lora_B.weight', new Float64Array(shape.out * rank)],
      ['gate', Float64Array.of(alpha / rank)],
    ]),
};

export default method;

// Run by itself (`npx tsx notebooks/my-variant.ts`) it says what it starts as.
if (process.argv[1] === import.meta.filename) {
  const [shape, size] = [
    { out: 64, in: 64 },
    { rank: 8, alpha: 16 },
  ];
  const count = (form: AdapterForm) =>
    form.tensors(shape, size).reduce((sum, tensor) => sum + tensor.shape.reduce((a, b) => a * b), 0);
  console.log(`${method.name}: ${count(gated)} values a layer of 64 x 64, LoRA ${count(adapterMethod('lora').form)}`);
}
