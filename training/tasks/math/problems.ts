import { createHash } from 'node:crypto';
import { type RandomStream, randomStream } from '../../../compute/random.ts';
import { LambdamaxError } from '../../../errors.ts';
import { choose } from '../world.ts';
import { finetuningFamilies } from './finetuningFamilies.ts';
import { pretrainingFamilies } from './pretrainingFamilies.ts';
import type { Problem, ProblemFamily } from './problem.ts';

/** What a problem is for. Its own question decides, so that no seed brings one problem into two splits. */
export type Split = 'train' | 'validation' | 'test';

/** Which families: those of the base model, or those that it has not seen. */
export type FamilySet = 'pretraining' | 'finetuning';

/** What {@link problems} is asked for. */
export interface ProblemRequest {
  readonly families: FamilySet;
  readonly split: Split;
  /** How many different problems. */
  readonly count: number;
  readonly seed: number;
}

const familySets: Record<FamilySet, readonly (readonly [string, ProblemFamily])[]> = {
  pretraining: Object.entries(pretrainingFamilies),
  finetuning: Object.entries(finetuningFamilies),
};

// Far fewer than the rarest split has (of fine-tuning's millions of questions, one in ten), so that a draw soon ends.
const mostProblems = 100_000;

/** The split that a question belongs to: by the first byte of its SHA-256, 10 % validation, 10 % test, the rest train. */
export function splitOf(question: string): Split {
  const share = createHash('sha256').update(question).digest()[0]! / 256;
  return share < 0.1 ? 'validation' : share < 0.2 ? 'test' : 'train';
}

/** One problem of a split, of a family drawn evenly. */
export function drawProblem(random: RandomStream, families: FamilySet, split: Split): Problem {
  for (;;) {
    const [family, make] = choose(random, familySets[families]);
    const problem = make(random);
    if (splitOf(problem.question) === split) return { family, ...problem };
  }
}

/**
 * So many different problems of a set of families, the same for the same seed. The splits are disjoint whatever the
 * seeds ({@link splitOf}); fewer problems are a prefix of more.
 * @throws LambdamaxError when the count is no whole number from 0 to 100,000.
 */
export function problems({ families, split, count, seed }: ProblemRequest): Problem[] {
  if (!(Number.isInteger(count) && count >= 0 && count <= mostProblems)) {
    const expected = `a whole number from 0 to ${mostProblems}`;
    throw new LambdamaxError({ subject: 'count of problems', expected, got: count });
  }
  const random = randomStream(seed, `problems ${families} ${split}`);
  const found = new Map<string, Problem>();
  while (found.size < count) {
    const problem = drawProblem(random, families, split);
    if (!found.has(problem.question)) found.set(problem.question, problem);
  }
  return [...found.values()];
}

/** Problems as the lines of a JSONL file: question, answer, family. */
export function problemLines(rows: readonly Problem[]): string {
  return rows.map(({ question, answer, family }) => `${JSON.stringify({ question, answer, family })}\n`).join('');
}
