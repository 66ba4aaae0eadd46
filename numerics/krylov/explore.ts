import type { Outcome } from './outcome.ts';
import type { Tridiagonalisation } from './tridiagonalise.ts';

/** How far a Krylov space is to be extended. */
export interface ExploreOptions {
  /** Products spent on earlier spaces. */
  readonly before: number;
  /** Most products, those spent before included. */
  readonly maxSteps: number;
  /** Called with the products so far whenever T's eigenvalues are to be looked at; returns whether they are good enough. */
  readonly look: (products: number) => boolean;
}

/** How the exploration of a Krylov space ended. */
export interface Explored {
  readonly outcome: Outcome;
  /** Products so far, those spent before included. */
  readonly products: number;
  /** With notFinite: where, if the operator can tell. */
  readonly fault?: string;
}

/**
 * Extends one Krylov space until `look` is content, or it cannot or must not go on. It looks after every product at first, less
 * often after 50, and always at the end, unless not one product was finite.
 */
export async function explore(
  krylov: Tridiagonalisation,
  { before, maxSteps, look }: ExploreOptions,
): Promise<Explored> {
  let nextLook = 1;
  for (let products = before + 1; ; products++) {
    const step = await krylov.step();
    const isLast = step !== 'advanced' || products >= maxSteps;
    if (!isLast && krylov.steps < nextLook) continue;
    // T's eigenvalues cost k^3: looked at every time, they would come to cost more than the products.
    nextLook = krylov.steps + Math.max(1, Math.floor(krylov.steps / 25));
    const isContent = krylov.steps > 0 && look(products);
    if (step === 'notFinite')
      return { outcome: 'notFinite', products, ...(krylov.fault === undefined ? {} : { fault: krylov.fault }) };
    if (step === 'invariant') return { outcome: 'krylovExhausted', products };
    if (isContent) return { outcome: 'converged', products };
    if (isLast) return { outcome: 'stepLimit', products };
  }
}
