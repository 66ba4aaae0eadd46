import type { RandomStream } from '../../../compute/random.ts';

/** A word problem with its worked answer, one row of a data file. */
export interface Problem {
  /** The family that made it. */
  readonly family: string;
  readonly question: string;
  /** The steps, each with an equation `3+5=8`, then `#### ` and the final number. */
  readonly answer: string;
}

/** A family of problems: what changes between two of them is who, what, where, how many and the wording. */
export type ProblemFamily = (random: RandomStream) => Omit<Problem, 'family'>;

/** What the model reads before it answers. A space and the answer follow. */
export function promptOf(question: string): string {
  return `Question: ${question}\nAnswer:`;
}

/** The whole text of a problem, as the base model saw it in pre-training. */
export function textOf({ question, answer }: Pick<Problem, 'question' | 'answer'>): string {
  return `${promptOf(question)} ${answer}`;
}
