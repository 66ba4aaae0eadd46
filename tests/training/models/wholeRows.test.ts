import * as tf from '@tensorflow/tfjs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { onnxBackend, randomStream, record, sizeOf } from '../../../compute/index.ts';
import { wholeRows } from '../../../training/models/wholeRows.ts';
import { relativeError } from '../../oracles/relativeError.ts';

const [rows, heads, headSize, scale] = [2, 2, 4, 0.5];

/** Attention of every query over every key that it may see, one number after the other. */
function expected(q: Float64Array, k: Float64Array, v: Float64Array, length: number, window: number, real: number[]) {
  const at = (row: number, head: number, position: number) => ((row * heads + head) * length + position) * headSize;
  const dot = (a: number, b: number) =>
    Array.from({ length: headSize }, (_, i) => q[a + i]! * k[b + i]!).reduce((x, y) => x + y);
  const result = new Float64Array(rows * length * heads * headSize);
  for (let row = 0; row < rows; row++)
    for (let head = 0; head < heads; head++)
      for (let i = 0; i < length; i++) {
        const seen = Array.from({ length: i + 1 }, (_, j) => j).filter((j) => i - window < j && j < real[row]!);
        const weights = seen.map((j) => Math.exp(scale * dot(at(row, head, i), at(row, head, j))));
        const total = weights.reduce((x, y) => x + y, 0);
        for (let part = 0; part < headSize; part++)
          result[((row * length + i) * heads + head) * headSize + part] = seen.reduce(
            (sum, j, index) => sum + (weights[index]! / total) * v[at(row, head, j) + part]!,
            0,
          );
      }
  return result;
}

for (const length of [40, 65, 150, 300])
  for (const window of [null, 7, 90])
    for (const padded of [false, true])
      test(`attention in blocks is attention: ${length} tokens, window ${window}${padded ? ', padding' : ''}`, async () => {
        const shape = [rows, heads, length, headSize];
        const random = randomStream(length, 'attention');
        const drawn = () => Float64Array.from({ length: sizeOf(shape) }, () => random.normal());
        const [q, k, v] = [drawn(), drawn(), drawn()];
        const real = padded ? [length - 5, length - 30] : [length, length];
        const keyMask = Float64Array.from({ length: rows * length }, (_, index) =>
          index % length < real[Math.floor(index / length)]! ? 1 : 0,
        );
        const dtype = 'float32' as const;
        const graph = record(
          {
            parameters: ['q', 'k', 'v'].map((name) => ({ name, shape })),
            inputs: [{ name: 'keyMask', shape: [rows, length], dtype }],
            weights: [],
          },
          ({ parameters, inputs }) => {
            const [a, b, c] = ['q', 'k', 'v'].map((name) => parameters.get(name)!) as tf.Tensor4D[];
            const positions = wholeRows(length, padded ? { keyMask: inputs.get('keyMask')! } : {});
            const mixed = positions.attend(0, a!, b!, c!, { scale, window });
            return new Map([['mixed', padded ? mixed : tf.add(mixed, tf.mul(0, tf.sum(inputs.get('keyMask')!)))]]);
          },
        );
        const executable = await onnxBackend.compile(graph, { precision: 'float64', threads: 1 });
        const results = await executable.run(new Map(Object.entries({ q, k, v, keyMask })));
        const right = expected(q, k, v, length, window ?? length, real);
        // What queries see that are padding themselves has no meaning.
        const isReal = (index: number) => {
          const position = Math.floor(index / (heads * headSize));
          return position % length < real[Math.floor(position / length)]!;
        };
        const only = (values: ArrayLike<number>) => Array.from(values).filter((_, index) => isReal(index));
        assert.ok(relativeError(only(results.get('mixed')!), only(right)) < 1e-13);
        await executable.release();
      });

for (const length of [40, 150, 300])
  for (const window of [null, 7, 90])
    test(`attention in blocks keeps sequences of a row apart: ${length} tokens, window ${window}`, async () => {
      const random = randomStream(length, 'sequences');
      const [begins, halves] = [
        [0, 1, 30, 33, 129],
        [0, length / 2],
      ];
      const placesOf = (starts: number[]) => (_: unknown, at: number) => at - starts.findLast((start) => start <= at)!;
      const places = Int32Array.from([begins, halves].flatMap((starts) => Array.from({ length }, placesOf(starts))));
      const drawn = Array.from({ length: 3 }, () =>
        Float64Array.from({ length: sizeOf([rows, heads, length, headSize]) }, () => random.normal()),
      ) as [Float64Array, Float64Array, Float64Array];
      const attend = async (parts: readonly Float64Array[], shape: number[], withPlaces: boolean) => {
        const graph = record(
          {
            parameters: ['q', 'k', 'v'].map((name) => ({ name, shape })),
            inputs: withPlaces ? [{ name: 'places', shape: [rows, length], dtype: 'int32' as const }] : [],
            weights: [],
          },
          ({ parameters, inputs }) => {
            const [a, b, c] = ['q', 'k', 'v'].map((name) => parameters.get(name)!) as [
              tf.Tensor4D,
              tf.Tensor4D,
              tf.Tensor4D,
            ];
            const positions = wholeRows(shape[2]!, { places: inputs.get('places') });
            return new Map([['mixed', positions.attend(0, a, b, c, { scale, window })]]);
          },
        );
        const executable = await onnxBackend.compile(graph, { precision: 'float64', threads: 1 });
        const [q, k, v] = parts as [Float64Array, Float64Array, Float64Array];
        const results = await executable.run(
          new Map<string, Float64Array | Int32Array>([
            ...Object.entries({ q, k, v }),
            ...(withPlaces ? [['places', places] as const] : []),
          ]),
        );
        await executable.release();
        return results.get('mixed')!;
      };
      const mixed = await attend(drawn, [rows, heads, length, headSize], true);
      for (const [row, starts] of [begins, halves].entries())
        for (const [index, start] of starts.entries()) {
          if (start >= length) continue;
          const end = Math.min(starts[index + 1] ?? length, length);
          const own = drawn.map((values) => {
            const ofHeads = Array.from({ length: heads }, (_, head) => {
              const at = (row * heads + head) * length;
              return [...values.subarray((at + start) * headSize, (at + end) * headSize)];
            });
            return Float64Array.from(ofHeads.flat());
          });
          const alone = await attend(own, [1, heads, end - start, headSize], false);
          const width = heads * headSize;
          const got = mixed.subarray((row * length + start) * width, (row * length + end) * width);
          assert.ok(relativeError(got, alone) < 1e-13, `row ${row}, tokens ${start} to ${end}`);
        }
    });

test.run();
