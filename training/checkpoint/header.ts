import { z } from 'zod';
import { bytesPerEntry, type Dtype } from '../../compute/dtypes.ts';
import { sizeOf } from '../../compute/tensors.ts';
import { LambdamaxError } from '../../errors.ts';
import type { ByteSource } from './byteSource.ts';

/** One tensor of a safetensors file: what it is, and where its bytes lie. */
export interface TensorEntry {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  /** First byte of the values, counted from the start of the file. */
  readonly start: number;
  /** One past the last byte of the values, counted from the start of the file. */
  readonly end: number;
}

/** What the header of a safetensors file says. */
export interface SafetensorsHeader {
  /** In the order in which their values lie in the file. */
  readonly tensors: readonly TensorEntry[];
  readonly metadata: Readonly<Record<string, string>>;
}

/** The format's own limit on the length of a header, in bytes. */
const longestHeader = 100_000_000;

/** No library of tensors has more axes. */
const mostAxes = 64;

const metadataSchema = z.record(z.string(), z.string());

/**
 * The header of a safetensors file, checked: every tensor's bytes agree with its shape and dtype, and together the
 * tensors cover the rest of the file without gap or overlap. Layout: 8 bytes little-endian length n, n bytes of JSON,
 * values. Throws a LambdamaxError that names the file and what is wrong in it; nothing is allocated before it is known to
 * be in the file.
 */
export async function readHeader(source: ByteSource): Promise<SafetensorsHeader> {
  const { name, byteLength } = source;
  const fault = (expected: string, got: unknown, remedy?: string): LambdamaxError =>
    new LambdamaxError({ subject: name, expected, got, ...(remedy === undefined ? {} : { remedy }) });
  if (byteLength < 8) throw fault('a safetensors file of at least 8 bytes', `${byteLength} bytes`, copyAgain);
  const prefix = await source.read(0, 8);
  const length = new DataView(prefix.buffer, prefix.byteOffset).getBigUint64(0, true);
  if (length > longestHeader) throw fault(`a header of at most ${longestHeader} bytes`, `a length of ${length}`);
  const dataStart = 8 + Number(length);
  if (dataStart > byteLength) {
    throw fault(`${dataStart} bytes up to the end of its header`, `${byteLength} bytes`, copyAgain);
  }
  const header = parseJson(await source.read(8, dataStart), fault);
  const { __metadata__: metadata, ...entries } = header;
  const parsed = metadataSchema.safeParse(metadata ?? {});
  if (!parsed.success) throw fault('__metadata__ to hold texts', metadata);
  const tensors = Object.entries(entries).map(([tensor, entry]) => readEntry(name, tensor, entry, dataStart));
  tensors.sort((a, b) => a.start - b.start || a.end - b.end);
  requireCover(source, tensors, dataStart);
  return { tensors, metadata: parsed.data };
}

const copyAgain = 'the file is cut short; copy or download it again';

/** The JSON object of the header. */
function parseJson(
  bytes: Uint8Array,
  fault: (expected: string, got: unknown) => LambdamaxError,
): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw fault('a safetensors header of valid JSON', (cause as Error).message);
  }
  if (!isObject(value)) throw fault('a safetensors header that is a JSON object', value);
  return value;
}

/** One entry of the header, with its offsets counted from the start of the file. */
function readEntry(file: string, name: string, entry: unknown, dataStart: number): TensorEntry {
  const fault = (expected: string, got: unknown): LambdamaxError =>
    new LambdamaxError({ subject: `tensor ${name} in ${file}`, expected, got });
  if (!isObject(entry)) throw fault('an object with dtype, shape and data_offsets', entry);
  const { dtype, shape, data_offsets: offsets } = entry;
  if (typeof dtype !== 'string' || !Object.hasOwn(bytesPerEntry, dtype)) {
    throw fault(`a dtype of ${Object.keys(bytesPerEntry).join(', ')}`, dtype);
  }
  if (!isCounts(shape)) throw fault('a shape of whole numbers from 0 on', shape);
  if (shape.length > mostAxes) throw fault(`a shape of at most ${mostAxes} axes`, shape.length);
  if (!isCounts(offsets) || offsets.length !== 2) throw fault('data_offsets of two whole numbers', offsets);
  const bytes = sizeOf(shape) * bytesPerEntry[dtype as Dtype];
  // Beyond 2^53 the product is rounded, and two wrong numbers could agree.
  if (!Number.isSafeInteger(bytes)) throw fault('a shape that fits a file', shape);
  const [start, end] = offsets as [number, number];
  if (end - start !== bytes) {
    throw fault(`${bytes} bytes for ${dtype} [${shape.join(', ')}]`, `offsets ${start} to ${end}`);
  }
  return { name, dtype: dtype as Dtype, shape, start: dataStart + start, end: dataStart + end };
}

/** Throws unless the sorted tensors lie one after another from `dataStart` to the end of the file. */
function requireCover(source: ByteSource, tensors: readonly TensorEntry[], dataStart: number): void {
  let covered = dataStart;
  for (const { name, start, end } of tensors) {
    if (start !== covered) {
      throw new LambdamaxError({
        subject: `tensor ${name} in ${source.name}`,
        expected: `its values to start at byte ${covered}, where those of the tensor before it end`,
        got: `${start < covered ? 'an overlap' : 'a gap'}, start at byte ${start}`,
      });
    }
    covered = end;
  }
  if (covered === source.byteLength) return;
  throw new LambdamaxError({
    subject: source.name,
    expected: `${covered} bytes, as its header says`,
    got: `${source.byteLength} bytes`,
    remedy: covered > source.byteLength ? copyAgain : 'there is something behind its last tensor',
  });
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((entry) => Number.isSafeInteger(entry) && entry >= 0);
}
