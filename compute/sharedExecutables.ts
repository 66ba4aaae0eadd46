import type { Executable } from './backends/executable.ts';

/** An executable that others may use as well. */
export interface TakenExecutable {
  readonly executable: Executable;
  /** To be called once; the last user's frees it. */
  giveBack(): Promise<void>;
}

interface Held {
  readonly compiled: Promise<Executable>;
  users: number;
}

/** Executables that are kept as long as somebody uses them. */
export class SharedExecutables {
  readonly #held = new Map<string, Held>();

  /** The executable of this key; compiled if nobody has it. */
  async take(key: string, compile: () => Promise<Executable>): Promise<TakenExecutable> {
    const held = this.#held.get(key) ?? { compiled: compile(), users: 0 };
    this.#held.set(key, held);
    held.users++;
    const giveBack = async (): Promise<void> => {
      if (--held.users > 0) return;
      if (this.#held.get(key) === held) this.#held.delete(key);
      await (await held.compiled).release();
    };
    try {
      return { executable: await held.compiled, giveBack };
    } catch (error) {
      this.#held.delete(key);
      throw error;
    }
  }

  /** Frees all of them, used or not. */
  async release(): Promise<void> {
    const held = [...this.#held.values()];
    this.#held.clear();
    for (const executable of await Promise.allSettled(held.map(({ compiled }) => compiled)))
      if (executable.status === 'fulfilled') await executable.value.release();
  }
}
