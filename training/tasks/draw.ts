import { createHash } from 'node:crypto';
import { type RandomStream, randomStream } from '../../compute/random.ts';
import { LambdamaxError } from '../../errors.ts';
import type { TaskRequest, TaskSplit } from './task.ts';

const mostProblems = 100_000;

// A family whose next new problem is rarer than one in so many draws has no more of them.
const mostDraws = 100_000;

/** The split that a problem belongs to: by the first byte of the SHA-256 of its prompt, 10 % validation, 10 % test, else train. */
export function splitOf(prompt: string): TaskSplit {
  const share = createHash('sha256').update(prompt).digest()[0]! / 256;
  return share < 0.1 ? 'validation' : share < 0.2 ? 'test' : 'train';
}

/**
 * So many different rows of a split, the same for the same seed. Since a row's own prompt decides its split, splits are
 * disjoint whatever the seeds; fewer rows are a prefix of more.
 * @throws LambdamaxError when the count is no whole number from 0 to 100,000, or the family has fewer problems.
 */
export function drawRows<Row>(
  family: string,
  { split, count, seed }: TaskRequest,
  make: (random: RandomStream) => Row,
  promptOf: (row: Row) => string,
): Row[] {
  if (!(Number.isInteger(count) && count >= 0 && count <= mostProblems)) {
    const expected = `a whole number from 0 to ${mostProblems}`;
    throw new LambdamaxError({ subject: `count of problems of ${family}`, expected, got: count });
  }
  const random = randomStream(seed, `problems ${family} ${split}`);
  const found = new Map<string, Row>();
  for (let draws = 0; found.size < count; draws++) {
    if (draws === mostDraws) {
      const expected = `at most ${found.size}, all that there are in split ${split}`;
      throw new LambdamaxError({ subject: `count of problems of ${family}`, expected, got: count });
    }
    const row = make(random);
    const prompt = promptOf(row);
    if (found.has(prompt) || splitOf(prompt) !== split) continue;
    found.set(prompt, row);
    draws = 0;
  }
  return [...found.values()];
}
