import { LambdamaxError } from '../../errors.ts';
import { requireVector } from '../agreement.ts';
import { readBuffer } from '../problem.ts';
import type { RealMeasured } from './measure.ts';

/** Losses of all subjects agree so far, relatively. */
const lossTolerance = 1e-4;

/** Throws a LambdamaxError that names the subject if one of its losses is not what lambdamax has in its place. */
export function requireLosses(who: string, losses: readonly number[], ours: readonly number[]): void {
  for (const [index, loss] of losses.entries()) {
    const expected = ours[index]!;
    if (Math.abs(loss / expected - 1) <= lossTolerance) continue;
    throw new LambdamaxError({
      subject: who,
      expected: `the loss ${expected} to ${lossTolerance}`,
      got: loss,
      remedy: 'it measures something else: no ratio means anything',
    });
  }
}

/** How far a subject's product is from ours, relative in norm. Throws a LambdamaxError if that is far. */
export async function productDifference(who: string, found: RealMeasured, ours: RealMeasured): Promise<number> {
  const [vector, expected] = [await readBuffer(found.result), await readBuffer(ours.result)];
  return requireVector(who, new Float32Array(vector), Float64Array.from(new Float32Array(expected)));
}

/** How many texts are the same, token by token: after a tie in float32 they part. */
export function sameTexts(found: RealMeasured, ours: RealMeasured): number {
  const [texts, expected] = [found.reports.at(-1)!.tokens ?? [], ours.reports.at(-1)!.tokens ?? []];
  return expected.filter((text, index) => text.join() === texts[index]?.join()).length;
}
