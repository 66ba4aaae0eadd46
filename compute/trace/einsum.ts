import * as tf from '@tensorflow/tfjs';

/**
 * `tf.einsum` of one or two tensors as a matrix product: the letters that both have and the result keeps become one batch
 * axis, those that both have and the result lacks are contracted, and each operand's own ones are rows or columns. An
 * operand stays in the order it has where the product can read it transposed. Throws as TensorFlow.js does if the
 * equation does not fit.
 */
export function einsum(equation: string, tensors: readonly tf.Tensor[]): tf.Tensor {
  const { backend_util } = tf;
  const { allDims, summedDims, idDims } = backend_util.decodeEinsumEquation(equation, tensors.length);
  backend_util.checkEinsumDimSizes(allDims.length, idDims, [...tensors]);
  const isSummed = (letter: number) => summedDims.includes(letter);
  const operands = tensors.map((tensor, k): Operand => {
    const others = idDims.flatMap((letters, other) => (other === k ? [] : letters));
    return sumOver({ tensor, letters: idDims[k]! }, (letter) => isSummed(letter) && !others.includes(letter));
  });
  const { tensor, letters } = operands.length === 1 ? operands[0]! : multiply(operands[0]!, operands[1]!, isSummed);
  return inOrder(
    tensor,
    Array.from({ length: letters.length }, (_, letter) => letters.indexOf(letter)),
  );
}

/** A tensor, and which letter of the equation each of its axes is; the result's letters are 0, 1, 2, ... in order. */
interface Operand {
  readonly tensor: tf.Tensor;
  readonly letters: readonly number[];
}

function multiply(a: Operand, b: Operand, isSummed: (letter: number) => boolean): Operand {
  const shared = a.letters.filter((letter) => b.letters.includes(letter));
  const batch = shared.filter((letter) => !isSummed(letter));
  const contracted = shared.filter(isSummed);
  const left = asMatrices(a, batch, contracted);
  const right = asMatrices(b, batch, contracted);
  const product = tf.matMul(left.matrices, right.matrices, left.contractedFirst, !right.contractedFirst);
  const extents = new Map([a, b].flatMap(({ tensor, letters }) => letters.map((x, axis) => [x, tensor.shape[axis]!])));
  const letters = [...batch, ...left.own, ...right.own];
  return {
    tensor: tf.reshape(
      product,
      letters.map((letter) => extents.get(letter)!),
    ),
    letters,
  };
}

/** An operand as [batch, own, contracted], or with the last two exchanged if it has them in that order. */
function asMatrices({ tensor, letters }: Operand, batch: readonly number[], contracted: readonly number[]) {
  const own = letters.filter((letter) => !batch.includes(letter) && !contracted.includes(letter));
  const matrix = letters.filter((letter) => !batch.includes(letter));
  const contractedFirst = contracted.includes(matrix[0]!);
  const groups = contractedFirst ? [batch, contracted, own] : [batch, own, contracted];
  const axes = groups.map((group) => group.map((letter) => letters.indexOf(letter)));
  const extents = axes.map((group) => group.reduce((product, axis) => product * tensor.shape[axis]!, 1));
  // Without a batch the product is a flat one, which is the cheapest.
  const shape = batch.length === 0 ? extents.slice(1) : extents;
  return { matrices: tf.reshape(inOrder(tensor, axes.flat()), shape), own, contractedFirst };
}

function sumOver({ tensor, letters }: Operand, isGone: (letter: number) => boolean): Operand {
  const axes = letters.flatMap((letter, axis) => (isGone(letter) ? [axis] : []));
  if (axes.length === 0) return { tensor, letters };
  return { tensor: tf.sum(tensor, axes), letters: letters.filter((letter) => !isGone(letter)) };
}

function inOrder(tensor: tf.Tensor, perm: number[]): tf.Tensor {
  return perm.every((axis, at) => axis === at) ? tensor : tf.transpose(tensor, perm);
}
