import type { ConstantValues, DType, Kernel, KernelAttributes, Node, NodeOf } from './node.ts';
import { inferType, type SourceKernel, type TensorType } from './shapes.ts';

/** Makes nodes, and the same node only once: common subexpressions are shared as soon as they are written. */
export class GraphBuilder {
  readonly #known = new Map<string, Node>();
  #nextId = 0;

  /** The node of this kernel on these inputs; its shape follows. Throws a LambdamaxError if shapes or dtypes do not fit. */
  make<K extends Exclude<Kernel, SourceKernel>>(
    kernel: K,
    inputs: readonly Node[],
    attributes: KernelAttributes[K],
  ): Node {
    return this.#share(kernel, inputs, attributes, inferType(kernel, inputs, attributes));
  }

  placeholder(name: string, type: TensorType): Node {
    return this.#share('Placeholder', [], { name }, type);
  }

  weight(name: string, shape: readonly number[]): Node {
    return this.#share('Weight', [], { name }, { shape, dtype: 'float32' });
  }

  fill(value: number, type: TensorType): Node {
    return this.#share('Fill', [], { value }, type);
  }

  /** A constant; one that repeats a single number becomes a Fill. */
  constant(values: ConstantValues, shape: readonly number[], dtype: DType): Node {
    if (isOneNumber(values)) return this.fill(values[0]!, { shape, dtype });
    return this.#share('Constant', [], { values }, { shape, dtype });
  }

  #share<K extends Kernel>(
    kernel: K,
    inputs: readonly Node[],
    attributes: KernelAttributes[K],
    type: TensorType,
  ): Node {
    const key = keyOf(kernel, inputs, attributes, type);
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const node: NodeOf<K> = { id: this.#nextId++, kernel, inputs, attributes, shape: type.shape, dtype: type.dtype };
    this.#known.set(key, node as Node);
    return node as Node;
  }
}

/** Whether a tensor repeats a single number. A plain loop: TensorFlow.js makes tensors of a million ones in derivatives. */
export function isOneNumber(values: ArrayLike<number>): boolean {
  const first = values[0];
  for (let index = 0; index < values.length; index++) if (!Object.is(values[index], first)) return false;
  return values.length > 0;
}

function keyOf(kernel: Kernel, inputs: readonly Node[], attributes: object, { shape, dtype }: TensorType): string {
  const described = Object.values(attributes).map((value: unknown) => {
    // Two numbers print alike only if they are the same double, but -0 prints as 0.
    if (typeof value === 'number') return Object.is(value, -0) ? '-0' : String(value);
    return ArrayBuffer.isView(value)
      ? Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64')
      : JSON.stringify(value);
  });
  return [kernel, inputs.map((input) => input.id), shape.join('x'), dtype, ...described].join('|');
}
