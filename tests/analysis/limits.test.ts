import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type LimitedOptimizer, limitOf } from '../../analysis/rates/limits.ts';
import { optimizerNames } from '../../training/optimizers/index.ts';
import { assertClose } from '../oracles/close.ts';

const usual: LimitedOptimizer = { name: 'adamw', betas: [0.9, 0.999], momentum: 0, weightDecay: 0 };
const curvature = { lambdaMax: 10, preconditionedLambdaMax: 400 };

const right: readonly (readonly [Partial<LimitedOptimizer>, rate: number, formula: string])[] = [
  [{ name: 'sgd' }, 2 / 10, '2 / lambda_max(H)'],
  [{ name: 'sgd', momentum: 0.5 }, 3 / 10, '3 / lambda_max(H)'],
  [{ name: 'sgd', momentum: 0.9 }, 3.8 / 10, '3.8 / lambda_max(H)'],
  [{ name: 'sgd', weightDecay: 1 }, 2 / 11, '2 / (lambda_max(H) + 1)'],
  [{ name: 'adam' }, 38 / 400, '38 / lambda_max(P^-1/2 H P^-1/2)'],
  [{ name: 'adamw' }, 38 / 400, '38 / lambda_max(P^-1/2 H P^-1/2)'],
  [{ name: 'adamw', betas: [0.8, 0.99] }, 18 / 400, '18 / lambda_max(P^-1/2 H P^-1/2)'],
  // An optimizer that does not use momentum is not judged by it.
  [{ name: 'adamw', momentum: 0.9 }, 38 / 400, '38 / lambda_max(P^-1/2 H P^-1/2)'],
];
for (const [changes, rate, formula] of right)
  test(`the limit of ${JSON.stringify(changes)} is ${formula}`, () => {
    const limit = limitOf({ ...usual, ...changes }, curvature)!;
    assertClose([limit.learningRate!], [rate], 1e-12);
    assert.is(limit.formula, formula);
  });

test('where no limit is known there is none, and what was not measured has no rate', () => {
  assert.is(limitOf({ ...usual, name: 'loft' }, curvature), null);
  assert.is(limitOf({ ...usual, name: 'adam', weightDecay: 0.1 }, curvature), null);
  assert.is(limitOf({ ...usual, name: 'lora+' }, curvature), null);
  assertClose(
    [limitOf({ ...usual, name: 'lora+' }, { ...curvature, twoRateLambdaMax: 19 })!.learningRate!],
    [2],
    1e-12,
  );
  assert.is(limitOf(usual, { lambdaMax: 10 })!.learningRate, null);
  assert.is(limitOf({ ...usual, name: 'sgd' }, { lambdaMax: -1 })!.learningRate, null);
});

test('every optimizer that there is has been thought of', () => {
  const known = optimizerNames.filter((name) => limitOf({ ...usual, name }, { ...curvature, twoRateLambdaMax: 1 }));
  assert.equal(known, ['adam', 'adamw', 'lora+', 'sgd']);
});

test.run();
