import type { Precision, Vector } from './tensors.ts';

/** Bytes of one entry, for every dtype of the safetensors format whose entries are real numbers and whole bytes. */
export const bytesPerEntry = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  F8_E4M3: 1,
  F8_E4M3FNUZ: 1,
  F8_E5M2: 1,
  F8_E5M2FNUZ: 1,
  F8_E8M0: 1,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U64: 8,
  U32: 4,
  U16: 2,
  U8: 1,
  BOOL: 1,
} as const;

/** A dtype of the safetensors format. */
export type Dtype = keyof typeof bytesPerEntry;

/** The dtypes that tensors are written in. */
export type FloatDtype = 'F64' | 'F32' | 'F16' | 'BF16';

/** From this size on, numbers are rounded to infinity: half a unit of the last place above the dtype's largest number. */
export const overflow: Readonly<Record<FloatDtype, number>> = {
  F64: Infinity,
  F32: 2 ** 128 - 2 ** 103,
  F16: 65520,
  BF16: 2 ** 128 - 2 ** 119,
};

type Typed = ArrayBufferView & ArrayLike<number | bigint>;

/** How the entries of a dtype lie in memory, and the number that an entry stands for where it is not the entry itself. */
interface Layout {
  /** A little-endian machine's view of the bytes. Node runs on no other where ONNX Runtime does. */
  readonly view: new (
    buffer: ArrayBufferLike,
    byteOffset: number,
    length: number,
  ) => Typed;
  readonly value?: (entry: number) => number;
}

const layouts: { readonly [D in Dtype]: Layout } = {
  F64: { view: Float64Array },
  F32: { view: Float32Array },
  F16: { view: Uint16Array, value: fromHalf },
  BF16: { view: Uint16Array, value: fromBfloat },
  F8_E4M3: { view: Uint8Array, value: fromEight({ fraction: 3, bias: 7, special: 'lastIsNaN' }) },
  F8_E4M3FNUZ: { view: Uint8Array, value: fromEight({ fraction: 3, bias: 8, special: 'minusZeroIsNaN' }) },
  F8_E5M2: { view: Uint8Array, value: fromEight({ fraction: 2, bias: 15, special: 'infinities' }) },
  F8_E5M2FNUZ: { view: Uint8Array, value: fromEight({ fraction: 2, bias: 16, special: 'minusZeroIsNaN' }) },
  F8_E8M0: { view: Uint8Array, value: (bits) => (bits === 0xff ? Number.NaN : 2 ** (bits - 127)) },
  I64: { view: BigInt64Array },
  I32: { view: Int32Array },
  I16: { view: Int16Array },
  I8: { view: Int8Array },
  U64: { view: BigUint64Array },
  U32: { view: Uint32Array },
  U16: { view: Uint16Array },
  U8: { view: Uint8Array },
  BOOL: { view: Uint8Array },
};

/**
 * The numbers in the bytes of a tensor, rounded to the asked precision where they do not fit. F64, F32, F16 and BF16 are
 * exact in float64; so are integers up to 2^53. The result may share the memory of `bytes`.
 */
export function decode(bytes: Uint8Array, dtype: Dtype, precision: Precision): Vector {
  const { view: View, value } = layouts[dtype];
  // A typed array must start at a multiple of its entry's size, which a slice of a larger buffer may not.
  const aligned = bytes.byteOffset % bytesPerEntry[dtype] === 0 ? bytes : bytes.slice();
  const entries = new View(aligned.buffer, aligned.byteOffset, aligned.byteLength / bytesPerEntry[dtype]);
  const Target = precision === 'float64' ? Float64Array : Float32Array;
  if (entries instanceof Target) return entries;
  const values = new Target(entries.length);
  for (let index = 0; index < values.length; index++) {
    const entry = Number(entries[index]);
    values[index] = value === undefined ? entry : value(entry);
  }
  return values;
}

/** The bytes of the numbers in a floating-point dtype, rounded to nearest, ties to even. */
export function encode(values: ArrayLike<number>, dtype: FloatDtype): Uint8Array {
  const entries = encoders[dtype](values);
  return new Uint8Array(entries.buffer, entries.byteOffset, entries.byteLength);
}

const encoders: { readonly [D in FloatDtype]: (values: ArrayLike<number>) => ArrayBufferView } = {
  F64: (values) => new Float64Array(values),
  F32: (values) => new Float32Array(values),
  F16: (values) => Uint16Array.from(values, toHalf),
  BF16: (values) => (values instanceof Float32Array ? singlesToBfloat(values) : Uint16Array.from(values, toBfloat)),
};

/** The bfloat16 numbers nearest to float32 ones, of which they are the upper halves: faster than `toBfloat`, to the same bits. */
function singlesToBfloat(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const result = new Uint16Array(values.length);
  for (let index = 0; index < bits.length; index++) {
    const single = bits[index]!;
    const isNotANumber = (single & 0x7fffffff) > 0x7f800000;
    result[index] = isNotANumber ? 0x7fc0 : (single + 0x7fff + ((single >>> 16) & 1)) >>> 16;
  }
  return result;
}

function fromBfloat(bits: number): number {
  scratch.setUint32(0, bits << 16);
  return scratch.getFloat32(0);
}

/** IEEE 754 binary16: a sign, 5 bits of exponent with bias 15, 10 bits of fraction. */
function fromHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : Number.NaN;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25);
}

interface EightBits {
  /** Bits of the fraction; the exponent has 7 less those. */
  readonly fraction: number;
  readonly bias: number;
  /** Which entries are no numbers: as in IEEE 754, the one with all bits set, or what would be -0. */
  readonly special: 'infinities' | 'lastIsNaN' | 'minusZeroIsNaN';
}

/** Floating point in a byte: a sign, an exponent, a fraction. Micikevicius et al. 2022, arXiv 2209.05433; Graphcore's FNUZ. */
function fromEight({ fraction, bias, special }: EightBits): (bits: number) => number {
  const one = 2 ** fraction;
  return (bits) => {
    const sign = bits & 0x80 ? -1 : 1;
    const exponent = (bits & 0x7f) >> fraction;
    const rest = bits & (one - 1);
    if (special === 'minusZeroIsNaN' && bits === 0x80) return Number.NaN;
    if (special === 'lastIsNaN' && (bits & 0x7f) === 0x7f) return Number.NaN;
    if (special === 'infinities' && exponent === 0x7f >> fraction) return rest === 0 ? sign * Infinity : Number.NaN;
    return (
      sign * (exponent === 0 ? rest * 2 ** (1 - bias - fraction) : (one + rest) * 2 ** (exponent - bias - fraction))
    );
  };
}

/**
 * The bfloat16 nearest to a number. Rounding a float64 to float32 first can turn it into a tie that it was not; so the
 * spacing of bfloat16 at the number's size is used instead: 8 significant bits, never below 2^-133.
 */
function toBfloat(value: number): number {
  scratch.setFloat32(0, roundTo(value, 8, -133));
  return scratch.getUint16(0);
}

/** The binary16 nearest to a number: 11 significant bits, never below 2^-24, infinite from 65520 on. */
function toHalf(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(roundTo(value, 11, -24));
  if (Number.isNaN(size)) return 0x7e00;
  if (size > 65504) return sign | 0x7c00;
  if (size < 2 ** -14) return sign | (size * 2 ** 24);
  const exponent = exponentOf(size);
  return sign | ((exponent + 15) << 10) | (size * 2 ** (10 - exponent) - 1024);
}

/** The value rounded, ties to even, to so many significant bits, or to a multiple of 2^lowest where that is coarser. */
function roundTo(value: number, bits: number, lowest: number): number {
  if (value === 0 || !Number.isFinite(value)) return value;
  const spacing = 2 ** Math.max(exponentOf(value) - bits + 1, lowest);
  const steps = Math.abs(value) / spacing;
  const below = Math.floor(steps);
  const rest = steps - below;
  const up = rest > 0.5 || (rest === 0.5 && below % 2 !== 0);
  return Math.sign(value) * (up ? below + 1 : below) * spacing;
}

/** The whole number e with 2^e <= |value| < 2^(e+1), for normal float64 values; -1023 below them. */
function exponentOf(value: number): number {
  scratch.setFloat64(0, value);
  return ((scratch.getUint16(0) >> 4) & 0x7ff) - 1023;
}

const scratch = new DataView(new ArrayBuffer(8));
