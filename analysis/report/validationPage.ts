import type { Figure } from '../figures/figure.ts';
import { renderPage } from './page.ts';
import type { WordTable } from './tables.ts';

/** One test on the page. */
export interface ValidationPageTest {
  /** The id of its figure. */
  readonly name: string;
  readonly title: string;
  /** What is predicted, in one sentence. */
  readonly claim: string;
  /** What was seen, a sentence each, and whether the claim held. */
  readonly entries: readonly { readonly words: string; readonly outcome: string }[];
  readonly figure: Figure;
  readonly how: string;
  readonly table: Omit<WordTable, 'note'>;
}

/** Tests of what is claimed of curvature and the best learning rate. */
export interface ValidationPageInput {
  readonly title: string;
  readonly setting: readonly string[];
  readonly tests: readonly ValidationPageTest[];
  readonly leftOut: readonly { readonly title: string; readonly reason: string }[];
  /** The command that repeats it. */
  readonly command?: string;
}

/** The tests as one HTML document that needs nothing else: for each what is predicted, what was seen, a figure and the numbers. */
export function renderValidationPage(input: ValidationPageInput): string {
  const tests = input.tests.map(({ table, how, ...test }) => ({ ...test, table: { ...table, note: how } }));
  const figures = Object.fromEntries(input.tests.map(({ name, figure }) => [name, figure]));
  return renderPage('validation', { command: undefined, ...input, tests }, figures);
}
