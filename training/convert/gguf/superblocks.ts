import { type BlockDecoder, halfAt } from './blocks.ts';

// A superblock of ggml's "k-quants" has 256 entries in groups of 16 or 32. A group's own factor is a small whole number times the
// superblock's. Bits of an entry that do not fit beside one another are kept in rows of 32 bytes: one row serves several groups,
// by its lowest bits first.

/** d a q - m b: q of two bits; 16 groups of 16, their a and b of four bits. */
export const q2_K: BlockDecoder = (block, at, out, to) => {
  const [d, m] = [halfAt(block, at + 80), halfAt(block, at + 82)];
  for (let group = 0; group < 16; group++) {
    const factors = block.getUint8(at + group);
    const [factor, offset] = [Math.fround(d * (factors & 15)), Math.fround(m * (factors >> 4))];
    const { row, shift, column } = placeOf(group, 4);
    const from = at + 16 + 32 * row + column;
    for (let index = 0; index < 16; index++) {
      const q = (block.getUint8(from + index) >> (2 * shift)) & 3;
      out[to + 16 * group + index] = Math.fround(factor * q) - offset;
    }
  }
};

/** d (a - 32) (q - 4): q of three bits, the third ones in a row of their own; 16 groups of 16, their a of six bits. */
export const q3_K: BlockDecoder = (block, at, out, to) => {
  const d = halfAt(block, at + 108);
  const scales = at + 96;
  for (let group = 0; group < 16; group++) {
    const low = (block.getUint8(scales + (group % 8)) >> (group < 8 ? 0 : 4)) & 15;
    const high = (block.getUint8(scales + 8 + (group % 4)) >> (2 * (group >> 2))) & 3;
    const factor = Math.fround(d * ((low | (high << 4)) - 32));
    const { row, shift, column } = placeOf(group, 4);
    const from = at + 32 + 32 * row + column;
    for (let index = 0; index < 16; index++) {
      const lowBits = (block.getUint8(from + index) >> (2 * shift)) & 3;
      const third = (block.getUint8(at + column + index) >> (group >> 1)) & 1;
      out[to + 16 * group + index] = factor * (lowBits - (third ^ 1) * 4);
    }
  }
};

/** d a q - m b: q of four bits; 8 groups of 32, their a and b of six bits. */
export const q4_K: BlockDecoder = (block, at, out, to) => {
  for (let group = 0; group < 8; group++) {
    const { factor, offset } = factorsOf(block, at, group);
    const from = at + 16 + 32 * (group >> 1);
    for (let index = 0; index < 32; index++) {
      const q = (block.getUint8(from + index) >> (4 * (group & 1))) & 15;
      out[to + 32 * group + index] = Math.fround(factor * q) - offset;
    }
  }
};

/** d a q - m b: q of five bits, the fifth ones in a row of their own; 8 groups of 32, their a and b of six bits. */
export const q5_K: BlockDecoder = (block, at, out, to) => {
  for (let group = 0; group < 8; group++) {
    const { factor, offset } = factorsOf(block, at, group);
    const from = at + 48 + 32 * (group >> 1);
    for (let index = 0; index < 32; index++) {
      const low = (block.getUint8(from + index) >> (4 * (group & 1))) & 15;
      const fifth = (block.getUint8(at + 16 + index) >> group) & 1;
      out[to + 32 * group + index] = Math.fround(factor * (low | (fifth << 4))) - offset;
    }
  }
};

/** d a (q - 32): q of six bits, four of them in half bytes; 16 groups of 16, their a a signed byte. */
export const q6_K: BlockDecoder = (block, at, out, to) => {
  const d = halfAt(block, at + 208);
  for (let group = 0; group < 16; group++) {
    const factor = Math.fround(d * block.getInt8(at + 192 + group));
    const { row, shift, column } = placeOf(group, 4);
    // Rows of 64 bytes: groups 0 to 3 have their low bits, groups 4 to 7 the high ones.
    const from = at + 64 * row + 32 * (shift & 1) + column;
    for (let index = 0; index < 16; index++) {
      const low = (block.getUint8(from + index) >> (4 * (shift >> 1))) & 15;
      const high = (block.getUint8(at + 128 + 32 * row + column + index) >> (2 * shift)) & 3;
      out[to + 16 * group + index] = factor * ((low | (high << 4)) - 32);
    }
  }
};

/** Where a group of 16 entries lies when each row of 32 bytes serves `perRow` groups of 32. */
function placeOf(group: number, perRow: number) {
  const pair = group >> 1;
  return { row: Math.floor(pair / perRow), shift: pair % perRow, column: 16 * (group & 1) };
}

/** A group's factor and offset in a superblock that begins with d, m and twelve bytes of eight times two numbers of six bits. */
function factorsOf(block: DataView, at: number, group: number): { readonly factor: number; readonly offset: number } {
  const byte = (index: number) => block.getUint8(at + 4 + index);
  const [a, b] =
    group < 4
      ? [byte(group) & 63, byte(group + 4) & 63]
      : [(byte(group + 4) & 15) | ((byte(group - 4) >> 6) << 4), (byte(group + 4) >> 4) | ((byte(group) >> 6) << 4)];
  return { factor: Math.fround(halfAt(block, at) * a), offset: Math.fround(halfAt(block, at + 2) * b) };
}
