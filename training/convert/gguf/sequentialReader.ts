import { LambdamaxError } from '../../../errors.ts';
import type { ByteSource } from '../../checkpoint/byteSource.ts';

/** Little-endian numbers and texts from the start of a file on, one after another. */
export interface SequentialReader {
  /** The next byte to be read. */
  readonly position: number;
  /** The bytes that may still be read. */
  readonly left: number;
  /** So many bytes, as a view that is valid until the next call. */
  take(bytes: number): Promise<DataView>;
  /** An unsigned integer of 4 bytes. */
  uint32(): Promise<number>;
  /** An unsigned integer of 8 bytes. Throws if no number of JavaScript stands for it. */
  uint64(what: string): Promise<number>;
  /** A length of 8 bytes, and so much UTF-8; a byte order mark is a character like others. */
  text(what: string): Promise<string>;
}

const windowBytes = 2 ** 20;

/**
 * Reads a file of which at most `limit` bytes are wanted. Its functions throw a LambdamaxError that names the file where it ends
 * too early: nothing is allocated for what is not there.
 */
export function sequentialReader(source: ByteSource, limit: number): SequentialReader {
  const { name, byteLength } = source;
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  let window: Uint8Array = new Uint8Array(0);
  let start = 0;
  let position = 0;

  const take = async (bytes: number): Promise<DataView> => {
    const end = position + bytes;
    if (end > byteLength)
      throw new LambdamaxError({
        subject: name,
        expected: `${end} bytes or more, as its header says`,
        got: `${byteLength} bytes`,
        remedy: 'the file is cut short or broken; copy or download it again',
      });
    if (end > limit)
      throw new LambdamaxError({
        subject: name,
        expected: `a header of at most ${limit} bytes`,
        got: `${end} and more`,
      });
    if (end > start + window.length) {
      window = await source.read(position, Math.min(position + Math.max(bytes, windowBytes), byteLength));
      start = position;
    }
    const view = new DataView(window.buffer, window.byteOffset + position - start, bytes);
    position = end;
    return view;
  };

  const uint64 = async (what: string): Promise<number> => {
    const value = (await take(8)).getBigUint64(0, true);
    if (value <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(value);
    throw new LambdamaxError({ subject: `${what} in ${name}`, expected: 'a number below 2^53', got: `${value}` });
  };

  return {
    get position() {
      return position;
    },
    get left() {
      return Math.min(byteLength, limit) - position;
    },
    take,
    uint64,
    uint32: async () => (await take(4)).getUint32(0, true),
    text: async (what) => {
      const bytes = await take(await uint64(`the length of ${what}`));
      try {
        return decoder.decode(bytes);
      } catch (cause) {
        throw new LambdamaxError({
          subject: `${what} in ${name}`,
          expected: 'text in UTF-8',
          got: 'other bytes',
          cause,
        });
      }
    },
  };
}
