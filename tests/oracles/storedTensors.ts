import { readFileSync } from 'node:fs';

/** A tensor as a safetensors file stores it, widened to float64. */
export interface StoredTensor {
  readonly shape: readonly number[];
  readonly values: Float64Array;
}

/**
 * The F32 and F64 tensors of a safetensors file by name: a reader that shares no code with the one under test, so that a
 * misread checkpoint cannot agree with a misread reference.
 */
export function storedTensors(path: URL): Map<string, StoredTensor> {
  const bytes = readFileSync(path);
  const headerEnd = 8 + Number(bytes.readBigUInt64LE(0));
  const header: Record<string, { dtype: 'F32' | 'F64'; shape: number[]; data_offsets: [number, number] }> = JSON.parse(
    bytes.toString('utf8', 8, headerEnd),
  );
  const tensors = new Map<string, StoredTensor>();
  for (const [name, { dtype, shape, data_offsets }] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    const [start, end] = data_offsets.map((offset) => headerEnd + offset) as [number, number];
    const buffer = Uint8Array.from(bytes.subarray(start, end)).buffer;
    tensors.set(name, {
      shape,
      values: Float64Array.from(dtype === 'F64' ? new Float64Array(buffer) : new Float32Array(buffer)),
    });
  }
  return tensors;
}
