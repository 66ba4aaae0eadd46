import { bytesPerEntry, decode, encode, type FloatDtype } from '../../compute/dtypes.ts';
import { type Precision, sizeOf, type Vector } from '../../compute/tensors.ts';
import { LambdamaxError } from '../../errors.ts';
import { type ByteSource, openFile } from './byteSource.ts';
import { writeFileWhole } from './files.ts';
import { readHeader, type TensorEntry } from './header.ts';

export { decode } from '../../compute/dtypes.ts';

/** A tensor to write: row-major values, and the dtype on disk (by default that of the values; F32 for integers). */
export interface TensorToWrite {
  readonly shape: readonly number[];
  readonly values: Float32Array | Float64Array | Int32Array;
  readonly dtype?: FloatDtype;
}

/** A tensor in memory, row-major. */
export interface TensorValues {
  readonly shape: readonly number[];
  readonly values: Vector;
}

/** The values of one tensor of a safetensors file. */
export async function readTensor(source: ByteSource, entry: TensorEntry, precision: Precision): Promise<Vector> {
  return decode(await source.read(entry.start, entry.end), entry.dtype, precision);
}

/** All tensors of a safetensors file by name: F64 as float64, all others as float32 (where F16 and BF16 are exact). */
export async function readAllTensors(path: string): Promise<Map<string, TensorValues>> {
  const source = await openFile(path);
  try {
    const tensors = new Map<string, TensorValues>();
    for (const entry of (await readHeader(source)).tensors) {
      const values = await readTensor(source, entry, entry.dtype === 'F64' ? 'float64' : 'float32');
      tensors.set(entry.name, { shape: entry.shape, values });
    }
    return tensors;
  } finally {
    await source.close();
  }
}

/**
 * Writes a safetensors file as the reference implementation does: tensors sorted by the size of their entries, largest
 * first, then by name, so that all values are aligned; the header padded with spaces to a multiple of 8 bytes. The file
 * appears under its name only when it is whole. Throws a LambdamaxError if a tensor's values do not fill its shape.
 */
export async function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, TensorToWrite>,
  metadata?: Readonly<Record<string, string>>,
): Promise<void> {
  const sorted = [...tensors]
    .map(([name, tensor]) => ({ name, ...tensor, dtype: tensor.dtype ?? ownDtype(tensor.values) }))
    .sort((a, b) => bytesPerEntry[b.dtype] - bytesPerEntry[a.dtype] || (a.name < b.name ? -1 : 1));
  const header: Record<string, unknown> = metadata === undefined ? {} : { __metadata__: metadata };
  let offset = 0;
  for (const { name, shape, values, dtype } of sorted) {
    if (values.length !== sizeOf(shape)) {
      const expected = `${sizeOf(shape)} values for shape [${shape.join(', ')}]`;
      throw new LambdamaxError({ subject: `tensor ${name} for ${path}`, expected, got: values.length });
    }
    const end = offset + values.length * bytesPerEntry[dtype];
    header[name] = { dtype, shape, data_offsets: [offset, end] };
    offset = end;
  }
  await writeFileWhole(path, chunks(header, sorted));
}

/** Entries that are encoded and written at a time: at most 32 MB. */
const entriesPerChunk = 2 ** 22;

/** The bytes of the file from its first to its last. */
function* chunks(
  header: object,
  tensors: readonly { readonly values: TensorToWrite['values']; readonly dtype: FloatDtype }[],
): Generator<Uint8Array> {
  const text = new TextEncoder().encode(JSON.stringify(header));
  const start = new Uint8Array(8 + Math.ceil(text.length / 8) * 8).fill(' '.charCodeAt(0));
  new DataView(start.buffer).setBigUint64(0, BigInt(start.length - 8), true);
  start.set(text, 8);
  yield start;
  for (const { values, dtype } of tensors) {
    for (let first = 0; first < values.length; first += entriesPerChunk) {
      yield encode(values.subarray(first, first + entriesPerChunk), dtype);
    }
  }
}

function ownDtype(values: TensorToWrite['values']): FloatDtype {
  return values instanceof Float64Array ? 'F64' : 'F32';
}
