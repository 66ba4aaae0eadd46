import { LambdamaxError } from '../../errors.ts';
import type { SymmetricOperator, Vector } from './operator.ts';

/** Where the product with v stops being finite, as far as the operator can tell. */
export async function faultOf(operator: SymmetricOperator, v: Vector): Promise<string | undefined> {
  return (await operator.whereNotFinite?.(v)) ?? undefined;
}

/** The error for a product with NaN or infinity, of an algorithm that has no result without it. */
export function notFiniteProduct(subject: string, fault: string | undefined): LambdamaxError {
  return new LambdamaxError({
    subject,
    expected: 'finite numbers',
    got: `NaN or infinity${fault === undefined ? '' : ` in ${fault}`}`,
    remedy: 'look at the loss and the gradient at this point (a diverged run?), or compute in float64',
  });
}
