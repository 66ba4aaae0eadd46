import type * as tf from '@tensorflow/tfjs';
import { LambdamaxError } from '../../errors.ts';

/** Throws a LambdamaxError for rows of more tokens than a table [positions, hidden] of learned positions has. */
export function requireLearnedPositions(length: number, table: tf.Tensor2D, remedy: string): void {
  const [maximum] = table.shape;
  if (length <= maximum) return;
  throw new LambdamaxError({
    subject: `rows of ${length} tokens`,
    expected: `at most ${maximum}, the model's learned positions`,
    remedy,
  });
}
