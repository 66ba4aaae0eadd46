import { type Precision, type Values, type Vector, zeros } from '../../compute/index.ts';
import type { Model } from '../model.ts';
import type { DecoderConfig } from '../models/decoder.ts';
import { type CacheShape, cacheNames } from './graphs.ts';

/**
 * The keys and values of some rows, [rows, keyValueHeads, capacity, headSize] for each layer: position p of a row lies in slot
 * p. A step's graph reads the arrays where they are and returns the new token's alone, so that nothing but that is copied.
 */
export class KeyValueCache {
  readonly shape: CacheShape;
  /** By the names of a step's inputs. */
  readonly arrays: ReadonlyMap<string, Vector>;
  readonly #config: DecoderConfig;
  readonly #precision: Precision;

  constructor(config: DecoderConfig, shape: CacheShape, precision: Precision) {
    const { keyValueHeads, headSize } = config;
    this.shape = shape;
    this.#config = config;
    this.#precision = precision;
    const size = shape.rows * keyValueHeads * shape.capacity * headSize;
    this.arrays = new Map(cacheNames(config).map((name) => [name, zeros(size, precision)]));
  }

  /**
   * Puts what a graph returned for `count` positions of every row, [rows, keyValueHeads, count, headSize] for each layer, into
   * the slots from `first[row]` on.
   */
  store(results: Values, first: ArrayLike<number>, count: number): void {
    const { keyValueHeads, headSize } = this.#config;
    const { rows, capacity } = this.shape;
    const run = count * headSize;
    for (const [name, array] of this.arrays) {
      const from = results.get(name) as Vector;
      for (let row = 0, at = 0; row < rows; row++)
        for (let head = 0; head < keyValueHeads; head++, at += run)
          array.set(from.subarray(at, at + run), ((row * keyValueHeads + head) * capacity + first[row]!) * headSize);
    }
  }

  /** A cache of another shape, whose first rows have the first `used` slots of some rows of this one. */
  repacked(kept: readonly number[], used: number, shape: CacheShape): KeyValueCache {
    const { keyValueHeads, headSize } = this.#config;
    const next = new KeyValueCache(this.#config, shape, this.#precision);
    for (const [name, array] of next.arrays) {
      const from = this.arrays.get(name)!;
      for (const [place, row] of kept.entries())
        for (let head = 0; head < keyValueHeads; head++) {
          const start = (row * keyValueHeads + head) * this.shape.capacity * headSize;
          const to = (place * keyValueHeads + head) * shape.capacity * headSize;
          array.set(from.subarray(start, start + used * headSize), to);
        }
    }
    return next;
  }
}

/** The bytes that a model keeps of one position. */
export function bytesPerPosition({ config, precision }: Model): number {
  return 2 * config.layers * config.keyValueHeads * config.headSize * (precision === 'float64' ? 8 : 4);
}
