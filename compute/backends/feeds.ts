import { LambdamaxError } from '../../errors.ts';
import type { Node } from '../graph/node.ts';
import { type Precision, sizeOf } from '../tensors.ts';
import type { Values } from './executable.ts';

const floats = { float32: Float32Array, float64: Float64Array };

/** The values that are fed for a node. Throws a LambdamaxError that names it if they are missing or do not fit. */
export function feedFor(
  node: Node,
  name: string,
  feeds: Values,
  precision: Precision,
): Float32Array | Float64Array | Int32Array | Uint8Array {
  const values = feeds.get(name);
  if (values === undefined) throw new LambdamaxError({ subject: `input ${name}`, expected: 'a value for it' });
  const expected = node.dtype === 'int32' ? Int32Array : node.dtype === 'bool' ? Uint8Array : floats[precision];
  if (!(values instanceof expected))
    throw new LambdamaxError({ subject: `input ${name}`, expected: expected.name, got: values.constructor.name });
  if (values.length !== sizeOf(node.shape))
    throw new LambdamaxError({
      subject: `input ${name}`,
      expected: `${sizeOf(node.shape)} values for shape [${node.shape}]`,
      got: values.length,
    });
  return values;
}

/** The error for a graph that fails when it runs: shapes are settled before, so that it was fed numbers it cannot take. */
export function refusedValues(reason: string, cause: unknown): LambdamaxError {
  return new LambdamaxError({
    subject: 'compiled graph',
    expected: 'values that its operations accept, such as indices within their table',
    got: reason,
    cause,
  });
}

/** The error for use after `release`. */
export function releasedGraph(): LambdamaxError {
  return new LambdamaxError({ subject: 'compiled graph', expected: 'to be used before it is released' });
}
