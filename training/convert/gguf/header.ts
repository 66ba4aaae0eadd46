import { sizeOf } from '../../../compute/tensors.ts';
import { LambdamaxError } from '../../../errors.ts';
import type { ByteSource } from '../../checkpoint/byteSource.ts';
import { type MetadataValue, readMetadataValue } from './metadataValue.ts';
import { type SequentialReader, sequentialReader } from './sequentialReader.ts';
import { type TensorType, tensorType } from './tensorTypes.ts';

/** One tensor of a GGUF file: what it is, and where its bytes lie. */
export interface GgufTensor {
  /** Its name in llama.cpp: `blk.0.attn_q.weight`. */
  readonly name: string;
  readonly type: TensorType;
  /** Row-major, as everywhere here: [out, in]. GGUF itself has it the other way round. */
  readonly shape: readonly number[];
  /** The first byte, counted from the start of the file. */
  readonly start: number;
  /** One past the last byte. */
  readonly end: number;
}

/** What the header of a GGUF file says. */
export interface GgufHeader {
  readonly metadata: ReadonlyMap<string, MetadataValue>;
  readonly tensors: readonly GgufTensor[];
}

/** That of Gemma 3, with 262,144 tokens, has 7 MB. */
const longestHeader = 100_000_000;

/** ggml's own limit on the axes of a tensor. */
const mostAxes = 4;

/** What a file begins with that is one. */
export const ggufMagic = 'GGUF';

/**
 * The header of a GGUF file of version 2 or 3, checked: no key and no tensor twice, every tensor's bytes as many as its type and
 * shape say, and one behind another without gap or overlap up to the end of the file, as ggml asks for. Throws a LambdamaxError
 * that names the file and what is wrong in it.
 * @see https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
 */
export async function readGguf(source: ByteSource): Promise<GgufHeader> {
  const { name: file } = source;
  const reader = sequentialReader(source, longestHeader);
  await requireVersion(reader, file);
  const tensorCount = await reader.uint64('the number of tensors');
  const keyCount = await reader.uint64('the number of metadata fields');
  const metadata = new Map<string, MetadataValue>();
  for (let index = 0; index < keyCount; index++) {
    const key = await reader.text(`the name of metadata field ${index}`);
    if (metadata.has(key)) throw twice(`metadata field ${key}`, file);
    metadata.set(key, await readMetadataValue(reader, key, file));
  }
  const entries = new Map<string, Entry>();
  for (let index = 0; index < tensorCount; index++) {
    const entry = await readEntry(reader, index, file);
    if (entries.has(entry.name)) throw twice(`tensor ${entry.name}`, file);
    entries.set(entry.name, entry);
  }
  const alignment = alignmentOf(metadata, file);
  const dataStart = roundUp(reader.position, alignment);
  return { metadata, tensors: place([...entries.values()], source, dataStart, alignment) };
}

async function requireVersion(reader: SequentialReader, file: string): Promise<void> {
  const magic = await reader.take(4);
  const letters = String.fromCharCode(...new Uint8Array(magic.buffer, magic.byteOffset, 4));
  if (letters !== ggufMagic)
    throw new LambdamaxError({ subject: file, expected: `a file that begins with ${ggufMagic}`, got: letters });
  const version = await reader.uint32();
  if (version === 2 || version === 3) return;
  const isSwapped = (version & 0xffff) === 0;
  throw new LambdamaxError({
    subject: file,
    expected: 'GGUF of version 2 or 3',
    got: isSwapped ? 'a file of a big-endian machine' : `version ${version}`,
    remedy: "make it anew with llama.cpp's convert_hf_to_gguf.py",
  });
}

const twice = (what: string, file: string) =>
  new LambdamaxError({ subject: `${what} in ${file}`, expected: 'one of that name', got: 'two' });

interface Entry extends Omit<GgufTensor, 'start' | 'end'> {
  /** Counted from the start of all values. */
  readonly offset: number;
}

async function readEntry(reader: SequentialReader, index: number, file: string): Promise<Entry> {
  const name = await reader.text(`the name of tensor ${index}`);
  const subject = `tensor ${name} in ${file}`;
  const axes = await reader.uint32();
  if (!(axes >= 1 && axes <= mostAxes))
    throw new LambdamaxError({ subject, expected: `1 to ${mostAxes} axes`, got: axes });
  const shape: number[] = [];
  for (let axis = 0; axis < axes; axis++) shape.unshift(await reader.uint64(`an extent of tensor ${name}`));
  const type = tensorType(await reader.uint32(), subject);
  const offset = await reader.uint64(`the offset of tensor ${name}`);
  // Beyond 2^53 the product is rounded, and two wrong numbers could agree.
  if (shape.some((extent) => extent < 1) || !Number.isSafeInteger(sizeOf(shape) * 4))
    throw new LambdamaxError({ subject, expected: 'a shape that fits a file', got: shape });
  if (shape.at(-1)! % type.blockEntries !== 0) {
    const expected = `rows of a multiple of ${type.blockEntries} entries for ${type.name}`;
    throw new LambdamaxError({ subject, expected, got: shape.at(-1)! });
  }
  return { name, type, shape, offset };
}

function alignmentOf(metadata: GgufHeader['metadata'], file: string): number {
  const alignment = metadata.get('general.alignment') ?? 32;
  if (typeof alignment === 'number' && Number.isInteger(Math.log2(alignment)) && alignment >= 8 && alignment <= 2 ** 20)
    return alignment;
  const subject = `general.alignment in ${file}`;
  throw new LambdamaxError({ subject, expected: 'a power of 2 from 8 to 2^20', got: alignment });
}

function roundUp(position: number, alignment: number): number {
  return Math.ceil(position / alignment) * alignment;
}

/** The tensors with their places, which must be one behind another, each at a multiple of the alignment, to the end of the file. */
function place(entries: readonly Entry[], source: ByteSource, dataStart: number, alignment: number): GgufTensor[] {
  const { name: file, byteLength } = source;
  let next = dataStart;
  let end = dataStart;
  const tensors = entries.map(({ offset, ...entry }) => {
    const start = dataStart + offset;
    if (start !== next)
      throw new LambdamaxError({
        subject: `tensor ${entry.name} in ${file}`,
        expected: `its values to start at byte ${next}, behind those of the tensor before it`,
        got: `${start < next ? 'an overlap' : 'a gap'}, start at byte ${start}`,
      });
    end = start + (sizeOf(entry.shape) / entry.type.blockEntries) * entry.type.blockBytes;
    next = roundUp(end, alignment);
    return { ...entry, start, end };
  });
  // Writers may leave out what fills up the last tensor's place.
  if (byteLength >= end && byteLength <= next) return tensors;
  throw new LambdamaxError({
    subject: file,
    expected: `${end} bytes, as its header says`,
    got: `${byteLength} bytes`,
    remedy:
      byteLength < end
        ? 'the file is cut short; copy or download it again'
        : 'there is something behind its last tensor: is it two files in one?',
  });
}
