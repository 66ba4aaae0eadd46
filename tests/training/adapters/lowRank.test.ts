import * as tf from '@tensorflow/tfjs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Node } from '../../../compute/graph/node.ts';
import { randomStream } from '../../../compute/random.ts';
import { record } from '../../../compute/trace/record.ts';
import { lowRank } from '../../../training/adapters/forms/lowRank.ts';
import { relativeError } from '../../oracles/relativeError.ts';

// A few dozen float32 roundings of 6e-8.
const float32Tolerance = 1e-6;

const shape = { out: 7, in: 5 };
const size = { rank: 3, alpha: 12 };
const positions = 4;

function numbers(count: number, name: string, seed: number): Float64Array {
  const random = randomStream(seed, name);
  // Rounded, so that the float32 tensors and the float64 formula start from the same numbers.
  return Float64Array.from({ length: count }, () => Math.fround(random.normal()));
}

function tensors(seed: number): Map<string, Float64Array> {
  return new Map(
    lowRank.tensors(shape, size).map((tensor) => {
      const [rows, columns] = tensor.shape as [number, number];
      return [tensor.name, numbers(rows * columns, tensor.name, seed)];
    }),
  );
}

/** The layer's output on a tfjs backend; `x` row-major with `shape.in` columns. */
function apply(x: Float64Array, weight: Float64Array, values: ReadonlyMap<string, Float64Array>): tf.Tensor2D {
  const adapter = lowRank.tensors(shape, size).map((spec): [string, tf.Tensor] => {
    return [spec.name, tf.tensor([...values.get(spec.name)!], [...spec.shape])];
  });
  return lowRank.apply(
    tf.tensor2d([...x], [x.length / shape.in, shape.in]),
    tf.tensor2d([...weight], [shape.out, shape.in]),
    new Map(adapter),
    size,
  );
}

test.before(async () => {
  await tf.setBackend('cpu');
});

test('the tensors are those of PEFT, in the order A, B', () => {
  assert.equal(lowRank.tensors(shape, size), [
    { name: 'lora_A.weight', shape: [3, 5] },
    { name: 'lora_B.weight', shape: [7, 3] },
  ]);
  assert.is(lowRank.scaling(size), 4);
});

for (const seed of [1, 2, 3]) {
  test(`apply computes x W' + s x A' B', entry by entry, seed ${seed}`, () => {
    const x = numbers(positions * shape.in, 'x', seed);
    const weight = numbers(shape.out * shape.in, 'W', seed);
    const values = tensors(seed);
    const A = values.get('lora_A.weight')!;
    const B = values.get('lora_B.weight')!;
    const expected: number[] = [];
    for (let position = 0; position < positions; position++)
      for (let out = 0; out < shape.out; out++) {
        let sum = 0;
        for (let input = 0; input < shape.in; input++) {
          let entry = weight[out * shape.in + input]!;
          for (let k = 0; k < size.rank; k++) entry += (12 / 3) * B[out * size.rank + k]! * A[k * shape.in + input]!;
          sum += x[position * shape.in + input]! * entry;
        }
        expected.push(sum);
      }
    tf.tidy(() => {
      const y = apply(x, weight, values);
      assert.equal(y.shape, [positions, shape.out]);
      const error = relativeError(y.dataSync(), expected);
      assert.ok(error < float32Tolerance, `relative error ${error}`);
    });
  });

  test(`apply to the identity is (W + update)', seed ${seed}`, () => {
    const values = tensors(seed);
    const weight = numbers(shape.out * shape.in, 'W', seed);
    const update = lowRank.update(shape, values, size);
    const identity = new Float64Array(shape.in ** 2);
    for (let input = 0; input < shape.in; input++) identity[input * (shape.in + 1)] = 1;
    tf.tidy(() => {
      const y = apply(identity, weight, values);
      const sum = weight.map((value, index) => value + update[index]!);
      assert.ok(relativeError(tf.transpose(y).dataSync(), sum) < float32Tolerance);
    });
  });
}

test('a trace of apply holds all digits of s, so that a float64 program is exact', () => {
  const uneven = { rank: 3, alpha: 5 };
  const { outputs } = record(
    {
      parameters: lowRank.tensors(shape, uneven),
      inputs: [{ name: 'x', shape: [positions, shape.in], dtype: 'float32' }],
      weights: [{ name: 'W', shape: [shape.out, shape.in] }],
    },
    ({ parameters, inputs, weights }) => {
      const [x, weight] = [inputs.get('x') as tf.Tensor2D, weights.get('W') as tf.Tensor2D];
      return new Map([['y', lowRank.apply(x, weight, parameters, uneven)]]);
    },
  );
  const scalars = new Set<number>();
  const visit = (node: Node): void => {
    if (node.kernel === 'Fill') scalars.add(node.attributes.value);
    node.inputs.forEach(visit);
  };
  visit(outputs.get('y')!);
  assert.equal([...scalars], [5 / 3]);
});

test('a missing tensor is named', () => {
  const values = tensors(1);
  values.delete('lora_B.weight');
  assert.throws(
    () => lowRank.update(shape, values, size),
    /lora_B\.weight: expected a value, got \["lora_A\.weight"\]/,
  );
});

test.run();
