import * as tf from '@tensorflow/tfjs';
import { constant } from '../../../compute/index.ts';
import { LambdamaxError } from '../../../errors.ts';
import type { AdapterForm, AdapterSize, LinearShape } from '../../layout/form.ts';
import { checkRank } from './rank.ts';
import { tensorOf } from './tensorOf.ts';

/**
 * GraLoRA's form: the change of the matrix is `blocks` x `blocks` blocks, each with a low-rank pair of its own of rank
 * rank/blocks. As in PEFT, A [blocks, in/blocks, rank] and B [blocks, rank, out/blocks] are cut along the rank into as many
 * chunks, and the block from inputs n to outputs j is s A[n][:, chunk j] B[j][chunk n, :] (as [in, out]). `hybridRank`
 * above 0 adds a plain low-rank pair of that rank. s = alpha / (rank + hybridRank). Jung et al. 2025, arXiv 2505.20355.
 */
export function blockForm(blocks: number, hybridRank: number): AdapterForm {
  const key = `${blocks}, ${hybridRank}`;
  const form = forms.get(key) ?? makeForm(blocks, hybridRank);
  forms.set(key, form);
  return form;
}

/** Every form is made once: the same form is the same object. */
const forms = new Map<string, AdapterForm>();

function makeForm(blocks: number, hybridRank: number): AdapterForm {
  const scaling = ({ rank, alpha }: AdapterSize) => alpha / (rank + hybridRank);
  return {
    name: `${blocks} blocks, ${hybridRank} plain`,
    scaling,
    peft: { type: 'GRALORA', blocks, hybridRank },
    tensors: (shape, { rank }) => [
      { name: 'gralora_A', shape: [blocks, shape.in / blocks, rank] },
      { name: 'gralora_B', shape: [blocks, rank, shape.out / blocks] },
      ...(hybridRank === 0
        ? []
        : [
            { name: 'gralora_A_general.weight', shape: [hybridRank, shape.in] },
            { name: 'gralora_B_general.weight', shape: [shape.out, hybridRank] },
          ]),
    ],
    check: (module, shape, size) => checkBlocks(module, shape, size, blocks),
    apply(x, weight, tensors, size) {
      const base = tf.matMul(x, weight, false, true);
      const plain = hybridRank === 0 ? base : tf.add(base, plainOutput(x, tensors, scaling(size)));
      return tf.add<tf.Tensor2D>(plain, blockOutput(x, tensors, size.rank, scaling(size)));
    },
    update: (shape, tensors, size) =>
      blockUpdate(shape, tensors, { blocks, hybridRank, rank: size.rank }, scaling(size)),
  };
}

/** The blocks' part of the output, [positions, out]. */
function blockOutput(x: tf.Tensor2D, tensors: ReadonlyMap<string, tf.Tensor>, rank: number, scaling: number) {
  const A = tensorOf(tensors, 'gralora_A') as tf.Tensor3D;
  const B = tensorOf(tensors, 'gralora_B') as tf.Tensor3D;
  const [blocks, width] = A.shape;
  const [positions] = x.shape;
  const cut = tf.transpose(tf.reshape(x, [positions, blocks, width]), [1, 0, 2]);
  const reduced = tf.mul(tf.matMul(cut, A), constant(scaling));
  // From [inputs n, positions, outputs j, rank/blocks] to [outputs j, positions, inputs n, rank/blocks]: the exchange.
  const chunks = tf.transpose(tf.reshape(reduced, [blocks, positions, blocks, rank / blocks]), [2, 1, 0, 3]);
  const output = tf.matMul(tf.reshape(chunks, [blocks, positions, rank]) as tf.Tensor3D, B);
  return tf.reshape(tf.transpose(output, [1, 0, 2]), [positions, blocks * B.shape[2]]);
}

function plainOutput(x: tf.Tensor2D, tensors: ReadonlyMap<string, tf.Tensor>, scaling: number): tf.Tensor {
  const A = tensorOf(tensors, 'gralora_A_general.weight') as tf.Tensor2D;
  const B = tensorOf(tensors, 'gralora_B_general.weight') as tf.Tensor2D;
  return tf.matMul(tf.mul<tf.Tensor2D>(tf.matMul(x, A, false, true), constant(scaling)), B, false, true);
}

function blockUpdate(
  shape: LinearShape,
  tensors: ReadonlyMap<string, Float64Array>,
  { blocks, hybridRank, rank }: { readonly blocks: number; readonly hybridRank: number; readonly rank: number },
  scaling: number,
): Float64Array {
  const A = tensorOf(tensors, 'gralora_A');
  const B = tensorOf(tensors, 'gralora_B');
  const [width, height, chunk] = [shape.in / blocks, shape.out / blocks, rank / blocks];
  const update = new Float64Array(shape.out * shape.in);
  for (let n = 0; n < blocks; n++)
    for (let j = 0; j < blocks; j++)
      for (let row = 0; row < height; row++)
        for (let term = 0; term < chunk; term++) {
          const factor = scaling * B[(j * rank + n * chunk + term) * height + row]!;
          const start = (j * height + row) * shape.in + n * width;
          for (let column = 0; column < width; column++)
            update[start + column]! += factor * A[(n * width + column) * rank + j * chunk + term]!;
        }
  if (hybridRank === 0) return update;
  const [plainA, plainB] = [
    tensorOf(tensors, 'gralora_A_general.weight'),
    tensorOf(tensors, 'gralora_B_general.weight'),
  ];
  for (let row = 0; row < shape.out; row++)
    for (let term = 0; term < hybridRank; term++) {
      const factor = scaling * plainB[row * hybridRank + term]!;
      for (let column = 0; column < shape.in; column++)
        update[row * shape.in + column]! += factor * plainA[term * shape.in + column]!;
    }
  return update;
}

function checkBlocks(module: string, shape: LinearShape, { rank }: AdapterSize, blocks: number): void {
  checkRank(module, shape, rank);
  for (const [subject, value] of [
    [`\`rank\` for ${module}`, rank],
    [`the inputs of ${module}`, shape.in],
    [`the outputs of ${module}`, shape.out],
  ] as const) {
    if (value % blocks === 0) continue;
    const remedy = 'choose another number of blocks: `method: gralora:k=N`';
    throw new LambdamaxError({ subject, expected: `a multiple of gralora's ${blocks} blocks`, got: value, remedy });
  }
}
