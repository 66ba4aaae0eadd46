import { LambdamaxError } from '../../../errors.ts';
import type { SequentialReader } from './sequentialReader.ts';

/** A number, text or truth value of a GGUF file's metadata. */
export type MetadataScalar = number | string | boolean;

/** What a field of the metadata holds. */
export type MetadataValue = MetadataScalar | readonly MetadataScalar[];

/** How values of a type of fixed size are read. */
interface FixedType {
  readonly bytes: number;
  read(view: DataView, at: number): MetadataScalar | bigint;
}

/** The types of values by their numbers in the format. */
const fixedTypes: Readonly<Record<number, FixedType>> = {
  0: { bytes: 1, read: (view, at) => view.getUint8(at) },
  1: { bytes: 1, read: (view, at) => view.getInt8(at) },
  2: { bytes: 2, read: (view, at) => view.getUint16(at, true) },
  3: { bytes: 2, read: (view, at) => view.getInt16(at, true) },
  4: { bytes: 4, read: (view, at) => view.getUint32(at, true) },
  5: { bytes: 4, read: (view, at) => view.getInt32(at, true) },
  6: { bytes: 4, read: (view, at) => shortestDecimal(view.getFloat32(at, true)) },
  7: { bytes: 1, read: (view, at) => view.getUint8(at) !== 0 },
  10: { bytes: 8, read: (view, at) => view.getBigUint64(at, true) },
  11: { bytes: 8, read: (view, at) => view.getBigInt64(at, true) },
  12: { bytes: 8, read: (view, at) => view.getFloat64(at, true) },
};
const [textType, arrayType] = [8, 9];

/**
 * The type and value of the metadata field `key`. Throws a LambdamaxError that names the field for a type that is not known, lists of
 * lists, integers beyond 2^53, and lists that are longer than the file.
 */
export async function readMetadataValue(reader: SequentialReader, key: string, file: string): Promise<MetadataValue> {
  const type = await reader.uint32();
  if (type !== arrayType) return (await readValues(reader, type, 1, key, file))[0]!;
  const entryType = await reader.uint32();
  const count = await reader.uint64(`the length of ${key}`);
  return readValues(reader, entryType, count, key, file);
}

async function readValues(
  reader: SequentialReader,
  type: number,
  count: number,
  key: string,
  file: string,
): Promise<MetadataScalar[]> {
  const subject = `metadata field ${key} in ${file}`;
  const fixed = fixedTypes[type];
  if (fixed === undefined && type !== textType)
    throw new LambdamaxError({
      subject,
      expected: 'a value of a known type',
      got: type === arrayType ? 'lists in a list' : `type ${type}`,
    });
  const leastBytes = count * (fixed?.bytes ?? 8);
  if (leastBytes > reader.left) {
    const remedy = 'the file is cut short or broken; copy or download it again';
    throw new LambdamaxError({ subject, expected: `at most ${reader.left} bytes`, got: `${count} values`, remedy });
  }
  const values: MetadataScalar[] = [];
  if (fixed === undefined) {
    for (let index = 0; index < count; index++) values.push(await reader.text(key));
    return values;
  }
  const view = await reader.take(leastBytes);
  for (let index = 0; index < count; index++) {
    const value = fixed.read(view, index * fixed.bytes);
    if (typeof value === 'bigint' && !Number.isSafeInteger(Number(value)))
      throw new LambdamaxError({ subject, expected: 'an integer below 2^53', got: `${value}` });
    values.push(typeof value === 'bigint' ? Number(value) : value);
  }
  return values;
}

/** The number of fewest digits that is this one in float32: 1e-5, which a writer rounded to 9.99999974...e-6. */
function shortestDecimal(single: number): number {
  for (let digits = 1; digits < 9; digits++) {
    const decimal = Number(single.toPrecision(digits));
    if (Math.fround(decimal) === single) return decimal;
  }
  return single;
}
