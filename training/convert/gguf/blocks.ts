import { decode } from '../../../compute/dtypes.ts';

/**
 * Writes the values of the block that begins at byte `at` into `out` from entry `to` on. Every step is rounded to float32, in the
 * order of gguf-py's `dequantize`, so that the bits are the same.
 */
export type BlockDecoder = (block: DataView, at: number, out: Float32Array, to: number) => void;

/** The number that each of the 65,536 halves stands for; infinities and NaN among them. */
const halves = decode(
  new Uint8Array(Uint16Array.from({ length: 2 ** 16 }, (_, bits) => bits).buffer),
  'F16',
  'float32',
);

/** The half-precision number at byte `at`. */
export function halfAt(block: DataView, at: number): number {
  return halves[block.getUint16(at, true)]!;
}

/** Entry i and entry i + 16 of a block of 32 share a byte: low and high four bits. */
const half = 16;

/** d (q - 8): a factor d in half precision, q of four bits. */
export const q4_0: BlockDecoder = (block, at, out, to) => {
  const d = halfAt(block, at);
  for (let index = 0; index < half; index++) {
    const pair = block.getUint8(at + 2 + index);
    out[to + index] = d * ((pair & 15) - 8);
    out[to + half + index] = d * ((pair >> 4) - 8);
  }
};

/** d q + m: factor and smallest value in half precision, q of four bits. */
export const q4_1: BlockDecoder = (block, at, out, to) => {
  const [d, m] = [halfAt(block, at), halfAt(block, at + 2)];
  for (let index = 0; index < half; index++) {
    const pair = block.getUint8(at + 4 + index);
    out[to + index] = Math.fround(d * (pair & 15)) + m;
    out[to + half + index] = Math.fround(d * (pair >> 4)) + m;
  }
};

/** d (q - 16): q of five bits, the fifth ones in four bytes of their own. */
export const q5_0: BlockDecoder = (block, at, out, to) => {
  const d = halfAt(block, at);
  const fifth = block.getUint32(at + 2, true);
  for (let index = 0; index < half; index++) {
    const pair = block.getUint8(at + 6 + index);
    out[to + index] = d * (((pair & 15) | (((fifth >>> index) & 1) << 4)) - 16);
    out[to + half + index] = d * (((pair >> 4) | (((fifth >>> (half + index)) & 1) << 4)) - 16);
  }
};

/** d q + m: q of five bits. */
export const q5_1: BlockDecoder = (block, at, out, to) => {
  const [d, m] = [halfAt(block, at), halfAt(block, at + 2)];
  const fifth = block.getUint32(at + 4, true);
  for (let index = 0; index < half; index++) {
    const pair = block.getUint8(at + 8 + index);
    out[to + index] = Math.fround(d * ((pair & 15) | (((fifth >>> index) & 1) << 4))) + m;
    out[to + half + index] = Math.fround(d * ((pair >> 4) | (((fifth >>> (half + index)) & 1) << 4))) + m;
  }
};

/** d q: q a signed byte. */
export const q8_0: BlockDecoder = (block, at, out, to) => {
  const d = halfAt(block, at);
  for (let index = 0; index < 32; index++) out[to + index] = d * block.getInt8(at + 2 + index);
};
