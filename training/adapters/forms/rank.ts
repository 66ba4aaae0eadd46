import { LambdamaxError } from '../../../errors.ts';
import type { LinearShape } from '../../layout/form.ts';

/**
 * Refuses a rank that no matrix of this shape has: anything but a whole number from 1 to min(out, in).
 *
 * @throws LambdamaxError that names the module.
 */
export function checkRank(module: string, shape: LinearShape, rank: number): void {
  const limit = Math.min(shape.out, shape.in);
  if (!(Number.isInteger(rank) && rank >= 1 && rank <= limit)) {
    throw new LambdamaxError({
      subject: `\`rank\` for ${module}`,
      expected: `a whole number from 1 to ${limit}`,
      got: rank,
      remedy:
        rank > limit ? 'lower `rank`, or leave this module out of `targetModules`' : 'give a whole number, such as 8',
    });
  }
}
