import { decode } from '../../../compute/dtypes.ts';
import { LambdamaxError } from '../../../errors.ts';
import { type BlockDecoder, q4_0, q4_1, q5_0, q5_1, q8_0 } from './blocks.ts';
import { q2_K, q3_K, q4_K, q5_K, q6_K } from './superblocks.ts';

/** How the values of a tensor are stored: in blocks of so many entries and bytes. */
export interface TensorType {
  /** Its name in ggml: `Q4_K`. */
  readonly name: string;
  readonly blockEntries: number;
  readonly blockBytes: number;
  /** Whether entries are whole numbers with a factor for each block. */
  readonly isQuantised: boolean;
  /** The values in whole blocks, as float32; those of F32 share the memory of `bytes` where they can. */
  decode(bytes: Uint8Array): Float32Array;
}

function plain(name: 'F32' | 'F16' | 'BF16', blockBytes: number): TensorType {
  const values = (bytes: Uint8Array) => decode(bytes, name, 'float32') as Float32Array;
  return { name, blockEntries: 1, blockBytes, isQuantised: false, decode: values };
}

function quantised(name: string, blockEntries: number, blockBytes: number, decodeBlock: BlockDecoder): TensorType {
  return {
    ...{ name, blockEntries, blockBytes, isQuantised: true },
    decode: (bytes) => {
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
      const blocks = bytes.length / blockBytes;
      const values = new Float32Array(blocks * blockEntries);
      for (let block = 0; block < blocks; block++) decodeBlock(view, block * blockBytes, values, block * blockEntries);
      return values;
    },
  };
}

/** The types that are read, by their numbers in ggml. */
const known: ReadonlyMap<number, TensorType> = new Map([
  [0, plain('F32', 4)],
  [1, plain('F16', 2)],
  [2, quantised('Q4_0', 32, 18, q4_0)],
  [3, quantised('Q4_1', 32, 20, q4_1)],
  [6, quantised('Q5_0', 32, 22, q5_0)],
  [7, quantised('Q5_1', 32, 24, q5_1)],
  [8, quantised('Q8_0', 32, 34, q8_0)],
  [10, quantised('Q2_K', 256, 84, q2_K)],
  [11, quantised('Q3_K', 256, 110, q3_K)],
  [12, quantised('Q4_K', 256, 144, q4_K)],
  [13, quantised('Q5_K', 256, 176, q5_K)],
  [14, quantised('Q6_K', 256, 210, q6_K)],
  [30, plain('BF16', 2)],
]);

/** The names of the types that are read. */
export const tensorTypeNames: readonly string[] = [...known.values()].map(({ name }) => name);

/** Other types of ggml, which error messages call by their names. */
const others: Readonly<Record<number, string>> = {
  ...{ 9: 'Q8_1', 15: 'Q8_K', 16: 'IQ2_XXS', 17: 'IQ2_XS', 18: 'IQ3_XXS', 19: 'IQ1_S', 20: 'IQ4_NL', 21: 'IQ3_S' },
  ...{ 22: 'IQ2_S', 23: 'IQ4_XS', 24: 'I8', 25: 'I16', 26: 'I32', 27: 'I64', 28: 'F64', 29: 'IQ1_M', 34: 'TQ1_0' },
  ...{ 35: 'TQ2_0', 39: 'MXFP4', 40: 'NVFP4' },
};

/** The type of this number in ggml. Throws a LambdamaxError with this subject for one that is not read. */
export function tensorType(number: number, subject: string): TensorType {
  const type = known.get(number);
  if (type !== undefined) return type;
  throw new LambdamaxError({
    subject,
    expected: `a type of ${tensorTypeNames.join(', ')}`,
    got: others[number] ?? `type ${number}`,
    remedy: 'take another file of the same model, or make one with llama-quantize',
  });
}
