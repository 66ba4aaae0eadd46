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

/** A tensor to write whose values, row-major, are made piece by piece when their turn comes. */
export interface TensorToStream {
  readonly shape: readonly number[];
  readonly dtype: FloatDtype;
  pieces(): AsyncIterable<ArrayLike<number>> | Iterable<ArrayLike<number>>;
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
  const streams = [...tensors].map(([name, { shape, values, dtype = ownDtype(values) }]) => {
    requireFilled(path, name, shape, values.length);
    return [name, { shape, dtype, pieces: () => piecesOf(values) }] as const;
  });
  await streamSafetensors(path, new Map(streams), metadata);
}

/** Writes a safetensors file as `writeSafetensors`, of tensors that need not be in memory: one piece of one of them at a time. */
export async function streamSafetensors(
  path: string,
  tensors: ReadonlyMap<string, TensorToStream>,
  metadata?: Readonly<Record<string, string>>,
): Promise<void> {
  const sorted = [...tensors].sort(
    ([first, a], [second, b]) => bytesPerEntry[b.dtype] - bytesPerEntry[a.dtype] || (first < second ? -1 : 1),
  );
  const header: Record<string, unknown> = metadata === undefined ? {} : { __metadata__: metadata };
  let offset = 0;
  for (const [name, { shape, dtype }] of sorted) {
    const end = offset + sizeOf(shape) * bytesPerEntry[dtype];
    header[name] = { dtype, shape, data_offsets: [offset, end] };
    offset = end;
  }
  await writeFileWhole(path, bytesOf(path, header, sorted));
}

/** The bytes of the file from its first to its last. */
async function* bytesOf(
  path: string,
  header: object,
  tensors: readonly (readonly [name: string, tensor: TensorToStream])[],
): AsyncGenerator<Uint8Array> {
  const text = new TextEncoder().encode(JSON.stringify(header));
  const start = new Uint8Array(8 + Math.ceil(text.length / 8) * 8).fill(' '.charCodeAt(0));
  new DataView(start.buffer).setBigUint64(0, BigInt(start.length - 8), true);
  start.set(text, 8);
  yield start;
  for (const [name, { shape, dtype, pieces }] of tensors) {
    let written = 0;
    for await (const values of pieces()) {
      written += values.length;
      yield encode(values, dtype);
    }
    requireFilled(path, name, shape, written);
  }
}

/** Entries that are encoded and written at a time: at most 32 MB. */
const entriesPerPiece = 2 ** 22;

function* piecesOf(values: TensorToWrite['values']): Generator<ArrayLike<number>> {
  for (let first = 0; first < values.length; first += entriesPerPiece)
    yield values.subarray(first, first + entriesPerPiece);
}

function requireFilled(path: string, name: string, shape: readonly number[], count: number): void {
  if (count === sizeOf(shape)) return;
  const expected = `${sizeOf(shape)} values for shape [${shape.join(', ')}]`;
  throw new LambdamaxError({ subject: `tensor ${name} for ${path}`, expected, got: count });
}

function ownDtype(values: TensorToWrite['values']): FloatDtype {
  return values instanceof Float64Array ? 'F64' : 'F32';
}
