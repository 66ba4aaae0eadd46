import * as assert from 'uvu/assert';
import { LambdamaxError } from '../../errors.ts';

/** Asserts that an action fails with a LambdamaxError of one line that matches every pattern. */
export async function throwsClearly(action: () => unknown, ...patterns: RegExp[]): Promise<void> {
  let value: unknown;
  try {
    value = await action();
  } catch (error) {
    assert.ok(error instanceof LambdamaxError, `not a LambdamaxError: ${error}`);
    assert.not.match(error.message, /\n/);
    for (const pattern of patterns) assert.match(error.message, pattern);
    return;
  }
  assert.unreachable(`nothing was thrown, the value is ${JSON.stringify(value)}`);
}
