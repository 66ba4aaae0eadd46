/** How an iteration ended. A result always carries one. */
export type Outcome = 'converged' | 'roundingLimit' | 'stepLimit' | 'krylovExhausted' | 'notFinite';

const explanations: Readonly<Record<Outcome, string>> = {
  converged: 'every error bound is within the tolerance',
  roundingLimit:
    'the rounding of the products is larger than the tolerance allows, and more of them would not help: each value is known ' +
    'to its error bound only; compute in float64, or allow a larger tolerance',
  stepLimit:
    'the step limit was reached before the error bounds were within the tolerance: each value is known to its ' +
    'error bound only; allow more steps or a larger tolerance',
  krylovExhausted:
    'the Krylov space holds the whole answer: the values are exact up to rounding, nothing is left to do',
  notFinite:
    'a product held NaN or infinity, and no step came after it: look at the loss and the gradient at this point ' +
    '(a diverged run?), or compute in float64',
};

/** The outcome in words, with what to do about it and, for notFinite, where it arose if that is known. */
export function explain(outcome: Outcome, fault?: string): string {
  return outcome === 'notFinite' && fault !== undefined
    ? `${explanations[outcome]}; it arose in ${fault}`
    : explanations[outcome];
}
