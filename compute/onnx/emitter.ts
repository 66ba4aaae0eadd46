import type { Precision } from '../tensors.ts';
import { type ElementType, elementType, type OnnxAttribute, type OnnxNode, type OnnxTensor } from './schema.ts';

/** Collects the ONNX nodes and initializers of a graph while it is lowered, in one precision. */
export class Emitter {
  readonly nodes: OnnxNode[] = [];
  readonly initializers: OnnxTensor[] = [];
  readonly precision: Precision;
  readonly #shared = new Map<string, string>();
  #next = 0;

  constructor(precision: Precision) {
    this.precision = precision;
  }

  /** Adds a node with one result of the given name. */
  node(
    type: string,
    inputs: readonly string[],
    output: string,
    attributes: Record<string, number | readonly number[]> = {},
  ): void {
    const attribute = Object.entries(attributes).map(
      ([name, value]): OnnxAttribute =>
        typeof value === 'number' ? { name, type: 2, i: value } : { name, type: 7, ints: value },
    );
    const domain = type === 'FusedMatMul' ? 'com.microsoft' : '';
    this.nodes.push({ op_type: type, input: inputs, output: [output], attribute, domain });
  }

  /** Adds a node and returns a fresh name for its result. */
  value(type: string, inputs: readonly string[], attributes: Record<string, number | readonly number[]> = {}): string {
    const output = `t${this.#next++}`;
    this.node(type, inputs, output, attributes);
    return output;
  }

  /** A whole-number operand such as axes or a shape. */
  integers(values: readonly number[]): string {
    return this.#constant(`i${values}`, [values.length], elementType.int64, new BigInt64Array(values.map(BigInt)));
  }

  /** A tensor constant; equal ones are stored once if they are small. */
  constant(values: ArrayLike<number>, shape: readonly number[], type: ElementType): string {
    const raw = typedArray(values, type);
    const key =
      raw.length <= 16
        ? `c${type}:${shape}:${Array.from(raw, (value) => (Object.is(value, -0) ? '-0' : value))}`
        : undefined;
    return this.#constant(key, shape, type, raw);
  }

  #constant(key: string | undefined, dims: readonly number[], data_type: ElementType, values: ArrayBufferView): string {
    const known = key === undefined ? undefined : this.#shared.get(key);
    if (known !== undefined) return known;
    const name = `c${this.#next++}`;
    const raw_data = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    this.initializers.push({ name, dims, data_type, raw_data });
    if (key !== undefined) this.#shared.set(key, name);
    return name;
  }
}

function typedArray(values: ArrayLike<number>, type: ElementType) {
  if (type === elementType.float64) return Float64Array.from(values);
  if (type === elementType.float32) return Float32Array.from(values);
  return type === elementType.int32 ? Int32Array.from(values) : Uint8Array.from(values);
}
