import pLimit from 'p-limit';

/** Things to do, so many at once, in the order in which they are given. */
export class Turns {
  readonly #limit: ReturnType<typeof pLimit>;
  #failure: { readonly error: unknown } | undefined;

  constructor(atOnce: number) {
    this.#limit = pLimit(atOnce);
  }

  /**
   * What they lead to. Once one has failed, here or in another call, no other begins; when those that are under way have come to
   * their end, what was thrown first is thrown.
   */
  async all<Result>(things: readonly (() => Promise<Result>)[]): Promise<Result[]> {
    const outcomes = things.map((thing) => this.#limit(() => this.#one(thing)));
    await Promise.allSettled(outcomes);
    if (this.#failure !== undefined) throw this.#failure.error;
    return Promise.all(outcomes);
  }

  async #one<Result>(thing: () => Promise<Result>): Promise<Result> {
    if (this.#failure !== undefined) throw this.#failure.error;
    try {
      return await thing();
    } catch (error) {
      this.#failure ??= { error };
      throw error;
    }
  }
}
