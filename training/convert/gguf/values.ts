import { type FloatDtype, overflow } from '../../../compute/dtypes.ts';
import { sizeOf } from '../../../compute/tensors.ts';
import type { ByteSource } from '../../checkpoint/byteSource.ts';
import { requireBelow } from '../../checkpoint/finite.ts';
import type { TensorToStream } from '../../checkpoint/safetensors.ts';
import { pairsToHalves } from '../rotaryRows.ts';
import type { GgufModel } from './model.ts';

/** Values that are in memory at a time, at least a head's rows. */
const entriesPerPiece = 2 ** 20;

/**
 * The values of a weight as transformers has them, row-major, as many whole rows at a time as fit into some MB: blocks decoded, rows
 * of queries and keys put as halves, the 1 taken from norms that have it. Every piece throws a LambdamaxError that names the tensor
 * for values that are not finite or, in `dtype`, would not be.
 */
export async function* valuesOf(
  source: ByteSource,
  model: GgufModel,
  weight: string,
  dtype: FloatDtype,
): AsyncGenerator<Float32Array> {
  const { architecture, tensors } = model;
  const tensor = tensors.get(weight)!;
  const { type, start, end } = tensor;
  const columns = tensor.shape.length === 1 ? 1 : tensor.shape.at(-1)!;
  const headSize = model.config.head_dim as number;
  const isPaired = architecture.pairsRows && /\.self_attn\.[qk]_proj\./.test(weight);
  const isOffset = architecture.addsOneToNorms && /norm\.weight$/.test(weight);
  const blocks = (end - start) / type.blockBytes;
  // A piece is of whole blocks, and of whole heads where rows change their places.
  const unit = isPaired ? leastCommonMultiple(headSize * columns, type.blockEntries) / type.blockEntries : 1;
  const step = unit * Math.max(1, Math.floor(entriesPerPiece / type.blockEntries / unit));
  for (let first = 0; first < blocks; first += step) {
    const last = Math.min(first + step, blocks);
    const values = type.decode(await source.read(start + first * type.blockBytes, start + last * type.blockBytes));
    if (isOffset) for (let index = 0; index < values.length; index++) values[index]! -= 1;
    const from = first === 0 ? '' : ` from entry ${first * type.blockEntries} on`;
    const subject = `tensor ${tensor.name}${from} in ${source.name}`;
    requireBelow(subject, values, overflow[dtype], 'the file is broken, or its numbers do not fit: take another one');
    yield isPaired ? pairsToHalves(values, headSize, columns) : values;
  }
}

function leastCommonMultiple(a: number, b: number): number {
  let [large, small] = [a, b];
  while (small !== 0) [large, small] = [small, large % small];
  return (a / large) * b;
}

/** The weight as a tensor of a safetensors file; `onStart` is called when its turn comes. */
export function streamOf(
  source: ByteSource,
  model: GgufModel,
  weight: string,
  dtype: FloatDtype,
  onStart: () => void,
): TensorToStream {
  return {
    ...{ shape: model.tensors.get(weight)!.shape, dtype },
    pieces: () => {
      onStart();
      return valuesOf(source, model, weight, dtype);
    },
  };
}

/** The number of values of all weights. */
export function parametersOf({ tensors }: GgufModel): number {
  return [...tensors.values()].reduce((sum, { shape }) => sum + sizeOf(shape), 0);
}

/**
 * The dtype that loses nothing of what a file holds: BF16 if every value of it is a number of BF16, else F32. Only plain types can be;
 * a block's factor alone has more digits.
 */
export async function losslessDtype(source: ByteSource, model: GgufModel): Promise<'BF16' | 'F32'> {
  const tensors = [...model.tensors];
  if (tensors.some(([, { type }]) => type.name !== 'BF16' && type.name !== 'F32')) return 'F32';
  for (const [weight, { type }] of tensors) {
    if (type.name === 'BF16') continue;
    for await (const values of valuesOf(source, model, weight, 'F32')) if (!values.every(isBfloat)) return 'F32';
  }
  return 'BF16';
}

const single = new Float32Array(1);
const bits = new Uint16Array(single.buffer);

/** Whether a float32 number has nothing in its lower half. */
function isBfloat(value: number): boolean {
  single[0] = value;
  return bits[0] === 0;
}
