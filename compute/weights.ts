import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { LambdamaxError } from '../errors.ts';
import { decode } from './dtypes.ts';
import type { WeightLocation, WeightSource } from './program.ts';
import type { Precision, TensorSpec, Vector } from './tensors.ts';

/**
 * Where a weight of this shape lies. Throws a LambdamaxError that names the weight, or its file, if it is missing, cut
 * short or of another shape.
 */
export function locateWeight({ name, shape }: TensorSpec, weights: WeightSource | undefined): WeightLocation {
  if (weights === undefined)
    throw new LambdamaxError({ subject: `weight ${name}`, expected: 'a checkpoint to read it from' });
  const location = weights.locate(name);
  if (location.shape.join() !== shape.join())
    throw new LambdamaxError({
      subject: `${location.file}: tensor ${name}`,
      expected: `shape [${shape}]`,
      got: `[${location.shape}]`,
      remedy: 'config.json and the weights must belong together',
    });
  const { file } = location;
  const end = location.offset + location.bytes;
  const size = sizeOfFile(file);
  if (size < end)
    throw new LambdamaxError({
      subject: file,
      expected: `at least ${end} bytes, for tensor ${name}`,
      got: size,
      remedy: 'the file is cut short: copy or download it again',
    });
  return location;
}

/** The values of a located weight, rounded to the precision where they do not fit. */
export function readWeight({ file, offset, bytes, dtype }: WeightLocation, precision: Precision): Vector {
  const buffer = new Uint8Array(bytes);
  const descriptor = openSync(file, 'r');
  try {
    for (let done = 0; done < bytes; ) {
      const read = readSync(descriptor, buffer, done, bytes - done, offset + done);
      if (read === 0) throw new LambdamaxError({ subject: file, expected: `at least ${offset + bytes} bytes` });
      done += read;
    }
  } finally {
    closeSync(descriptor);
  }
  return decode(buffer, dtype, precision);
}

function sizeOfFile(file: string): number {
  try {
    return statSync(file).size;
  } catch (cause) {
    throw new LambdamaxError({ subject: file, expected: 'a file of weights', got: (cause as Error).message, cause });
  }
}
