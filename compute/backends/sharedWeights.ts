import type { Node, NodeOf } from '../graph/node.ts';
import type { WeightSource } from '../program.ts';
import type { Precision, Vector } from '../tensors.ts';
import { locateWeight, readWeight } from '../weights.ts';

/** Weights that one graph uses, until it gives them back. */
export interface TakenWeights<T> {
  readonly values: ReadonlyMap<Node, T>;
  /** To be called once. */
  giveBack(): void;
}

/** How a backend holds a weight. */
export interface WeightForm<T> {
  /** From its values, which nobody else has. */
  make(values: Vector, node: NodeOf<'Weight'>): T;
  free(held: T): void;
}

interface Held<T> {
  readonly value: T;
  users: number;
}

/**
 * The weights of checkpoints as one backend holds them: each read once for all graphs that use it in a precision, and freed
 * after the last. (ONNX Runtime can read a checkpoint itself, but each session then casts, packs and holds weights of its
 * own: 8.7 GB for the linearised product of 535 million weights, which take 2.1.)
 */
export class SharedWeights<T> {
  readonly #form: WeightForm<T>;
  readonly #held = new WeakMap<WeightSource, Map<string, Held<T>>>();

  constructor(form: WeightForm<T>) {
    this.#form = form;
  }

  /** Throws as `locateWeight`; nothing is taken then. */
  take(nodes: readonly NodeOf<'Weight'>[], source: WeightSource | undefined, precision: Precision): TakenWeights<T> {
    // All are looked up before any is read: a missing one is found at once.
    const located = nodes.map((node) => {
      const { name } = node.attributes;
      return { node, key: `${precision} ${name}`, location: locateWeight({ name, shape: node.shape }, source) };
    });
    const values = new Map<Node, T>();
    if (source === undefined) return { values, giveBack: () => {} };
    const held = this.#held.get(source) ?? new Map<string, Held<T>>();
    this.#held.set(source, held);
    const taken: string[] = [];
    const giveBack = (): void => {
      for (const key of taken) this.#giveBack(held, key);
    };
    try {
      for (const { node, key, location } of located) {
        const known = held.get(key) ?? { value: this.#form.make(readWeight(location, precision), node), users: 0 };
        held.set(key, known);
        known.users++;
        taken.push(key);
        values.set(node, known.value);
      }
    } catch (error) {
      giveBack();
      throw error;
    }
    return { values, giveBack };
  }

  #giveBack(held: Map<string, Held<T>>, key: string): void {
    const known = held.get(key)!;
    if (--known.users > 0) return;
    this.#form.free(known.value);
    held.delete(key);
  }
}
