import type { CurvePanels } from '../../analysis/figures/curvePanels.ts';
import type { LambdamaxError } from '../../errors.ts';
import type { ValidationSetting } from './setting.ts';

/** The tests, by the names that the command line takes. */
export const testNames = ['scale', 'sharp-module', 'sgd', 'edge', 'reach'] as const;

export type ValidationTestName = (typeof testNames)[number];

/** What a test is expected to cost. */
export interface ValidationPrice {
  /** Runs of training. */
  readonly runs: number;
  /** Products with a Hessian. */
  readonly products: number;
  /** All of it in gradients of one batch of the usual size. */
  readonly gradientEvaluations: number;
}

/** One claim, and what was seen of it. */
export interface ValidationEntry {
  readonly name: ValidationTestName;
  /** What is predicted, in words. */
  readonly claim: string;
  /** Undecided: the interval holds both what is expected and what would refute it. */
  readonly outcome: 'held' | 'refuted' | 'undecided';
  /** The number that is predicted, what it is of, `claim` and `words` say; null where it follows from one that could not be measured. */
  readonly expected: number | null;
  /** What was seen; null where nothing could be. */
  readonly measured: number | null;
  /** Its 95 % interval; null where it is exact, or where none is known. */
  readonly low: number | null;
  readonly high: number | null;
  /** One sentence: what was predicted, what was seen with its interval, held or not. */
  readonly words: string;
  /** The optimizer that the entry is about, where a test has several. */
  readonly optimizer?: string;
  /** Further numbers of the entry, by name. */
  readonly [more: string]: unknown;
}

/** What an entry says of a number that could not be measured. */
export const unmeasured = { outcome: 'undecided', measured: null, low: null, high: null } as const;

/** A number with its 95 % interval. */
export interface Bounded {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** A 95 % interval in a sentence, to two digits. */
export function intervalWords({ low, high }: Pick<Bounded, 'low' | 'high'>): string {
  return `95 % interval ${low.toPrecision(2)} to ${high.toPrecision(2)}`;
}

/** What came of a test. */
export interface ValidationFindings {
  readonly entries: readonly ValidationEntry[];
  readonly figure: CurvePanels;
  /** What was measured on, in a sentence or two. */
  readonly how: string;
  /** The numbers behind the entries. */
  readonly table: { readonly header: readonly string[]; readonly rows: readonly (readonly string[])[] };
}

/** Told how far a test is. */
export type OnPart = (words: string, done: number, planned: number) => void;

/** A test of the claim that curvature at the start sets the best learning rate. */
export interface ValidationTest {
  readonly name: ValidationTestName;
  /** A heading. */
  readonly title: string;
  /** What the claim predicts, in one sentence. */
  readonly claim: string;
  /** What it is expected to cost. Grids may be extended, so that it may come to more. */
  price(setting: ValidationSetting): ValidationPrice;
  /**
   * Why it cannot be made here, such as for a method that it is not exact for; null where it can.
   * @throws ArgumentError for an option that is wrong whatever else is tested.
   */
  fault?(setting: ValidationSetting): Promise<LambdamaxError | null>;
  /**
   * Carries it out; what lies in the setting's folder is not made again.
   * @throws LambdamaxError for a method or data that it cannot be made with, and the signal's reason once it is aborted.
   */
  carryOut(setting: ValidationSetting, onPart: OnPart): Promise<ValidationFindings>;
}
