import { LambdamaxError } from '../../errors.ts';
import type { ByteSource } from './byteSource.ts';

/** What a llama2.c checkpoint says of its model. */
export interface Llama2cHeader {
  /** 0: a bare header of 28 bytes; 1: one of 256 bytes that begins with `ak42`. */
  readonly version: 0 | 1;
  readonly dim: number;
  readonly hiddenDim: number;
  readonly layers: number;
  readonly heads: number;
  readonly keyValueHeads: number;
  readonly vocabSize: number;
  readonly maxLength: number;
  /** Whether the output projection is the embedding matrix. */
  readonly sharedClassifier: boolean;
}

/** Where the float32 values of a tensor lie. */
export interface Llama2cTensor {
  /** Name in llama2.c's model.py: `layers.0.attention.wq`. */
  readonly name: string;
  readonly shape: readonly number[];
  /** The first byte. */
  readonly start: number;
  /** One past the last byte. */
  readonly end: number;
}

export interface Llama2cCheckpoint {
  readonly header: Llama2cHeader;
  readonly tensors: readonly Llama2cTensor[];
}

/** `ak42`, little-endian. */
const magic = 0x616b3432;

/**
 * The header of a `.bin` checkpoint of github.com/karpathy/llama2.c, versions 0 and 1 of its export.py, and where its
 * tensors lie. Throws a LambdamaxError that names the file if it is another or a truncated one.
 */
export async function readLlama2c(source: ByteSource): Promise<Llama2cCheckpoint> {
  const { name, byteLength } = source;
  const expected = 'a llama2.c checkpoint of version 0 or 1';
  const bytes = await source.read(0, Math.min(256, byteLength));
  if (bytes.length < 28) throw new LambdamaxError({ subject: name, expected, got: `${bytes.length} bytes` });
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const isNew = view.getUint32(0, true) === magic;
  if (isNew && view.getInt32(4, true) !== 1) {
    const remedy = 'export it anew with --version 1; version 2 is quantised';
    throw new LambdamaxError({ subject: name, expected, got: `version ${view.getInt32(4, true)}`, remedy });
  }
  if (isNew && bytes.length < 256)
    throw new LambdamaxError({ subject: name, expected: 'a header of 256 bytes', got: `${bytes.length} bytes` });
  const at = isNew ? 8 : 0;
  const numbers = Array.from({ length: 7 }, (_, index) => view.getInt32(at + 4 * index, true));
  const header = headerOf(name, numbers, isNew ? view.getUint8(at + 28) === 1 : undefined);
  const tensors = place(isNew ? tensorsOf(header) : legacyTensorsOf(header), isNew ? 256 : 28);
  const end = tensors.at(-1)!.end;
  if (end !== byteLength) {
    const remedy = end > byteLength ? 'the file is cut short, or no llama2.c checkpoint' : undefined;
    throw new LambdamaxError({
      ...{ subject: name, expected: `${end} bytes, as its header says`, got: `${byteLength} bytes` },
      ...(remedy && { remedy }),
    });
  }
  return { header, tensors };
}

/** The seven numbers of a header; in version 0, which has no flag, a negative vocabulary says that nothing is shared. */
function headerOf(file: string, numbers: readonly number[], shared: boolean | undefined): Llama2cHeader {
  const [dim, hiddenDim, layers, heads, keyValueHeads, vocabSize, maxLength] = numbers as [
    ...[dim: number, hiddenDim: number, layers: number, heads: number],
    ...[keyValueHeads: number, vocabSize: number, maxLength: number],
  ];
  const header: Llama2cHeader = {
    version: shared === undefined ? 0 : 1,
    ...{ dim, hiddenDim, layers, heads, keyValueHeads, maxLength },
    vocabSize: Math.abs(vocabSize),
    sharedClassifier: shared ?? vocabSize > 0,
  };
  const sizes = [dim, hiddenDim, layers, heads, keyValueHeads, Math.abs(vocabSize), maxLength];
  // A list of tensors is made of the layers: no released model has a thousand.
  const isSound = sizes.every((size) => size > 0 && size < 2 ** 24) && layers < 1000;
  const fits = isSound && dim % (2 * heads) === 0 && heads % keyValueHeads === 0;
  if (!fits || (shared !== undefined && vocabSize < 0))
    throw new LambdamaxError({ subject: file, expected: 'a llama2.c checkpoint', got: `sizes ${numbers.join(', ')}` });
  return header;
}

type Unplaced = Pick<Llama2cTensor, 'name' | 'shape'>;

/** Version 1: norms first. */
function tensorsOf(header: Llama2cHeader): Unplaced[] {
  const { attentionNorm, feedForwardNorm, norm, embedding, attention, feedForward, output } = partsOf(header);
  return [...attentionNorm, ...feedForwardNorm, norm, embedding, ...attention, ...feedForward, ...output];
}

/** Version 0: in the order of the computation, with the tables of the rotary embedding. */
function legacyTensorsOf(header: Llama2cHeader): Unplaced[] {
  const { attentionNorm, feedForwardNorm, norm, embedding, attention, feedForward, output } = partsOf(header);
  const pairs = [header.maxLength, header.dim / header.heads / 2];
  const tables = ['freqs_cos', 'freqs_sin'].map((name) => ({ name, shape: pairs }));
  return [embedding, ...attentionNorm, ...attention, ...feedForwardNorm, ...feedForward, norm, ...tables, ...output];
}

function partsOf({ dim, hiddenDim, layers, heads, keyValueHeads, vocabSize, sharedClassifier }: Llama2cHeader) {
  const keyValueDim = (dim / heads) * keyValueHeads;
  const perLayer = (name: string, ...shape: number[]): Unplaced[] =>
    Array.from({ length: layers }, (_, layer) => ({ name: `layers.${layer}.${name}`, shape }));
  return {
    attentionNorm: perLayer('attention_norm', dim),
    feedForwardNorm: perLayer('ffn_norm', dim),
    norm: { name: 'norm', shape: [dim] },
    embedding: { name: 'tok_embeddings', shape: [vocabSize, dim] },
    attention: [
      ...perLayer('attention.wq', dim, dim),
      ...perLayer('attention.wk', keyValueDim, dim),
      ...perLayer('attention.wv', keyValueDim, dim),
      ...perLayer('attention.wo', dim, dim),
    ],
    feedForward: [
      ...perLayer('feed_forward.w1', hiddenDim, dim),
      ...perLayer('feed_forward.w2', dim, hiddenDim),
      ...perLayer('feed_forward.w3', hiddenDim, dim),
    ],
    output: sharedClassifier ? [] : [{ name: 'output', shape: [vocabSize, dim] }],
  };
}

function place(tensors: readonly Unplaced[], first: number): Llama2cTensor[] {
  let start = first;
  return tensors.map(({ name, shape }) => {
    const end = start + 4 * shape.reduce((product, extent) => product * extent, 1);
    const placed = { name, shape, start, end };
    start = end;
    return placed;
  });
}
