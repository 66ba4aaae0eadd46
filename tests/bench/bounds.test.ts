import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { bounds } from '../../bench/bounds.ts';

test('the error bound in float32 holds against float64, and is not much larger than it must be', async () => {
  const said: string[] = [];
  const [row] = await bounds(15, (line) => said.push(line), [1e-5]);
  assert.is(row!.count, 30);
  assert.is(row!.misses, 0, said.join('\n'));
  // At this tolerance the bound is for rounding nearly alone: float32's roundoff is 6e-8.
  assert.ok(row!.medianBound < 1e-4, `median of the bound over the eigenvalue: ${row!.medianBound}`);
  assert.ok(row!.largestShare > 0.05, `no error comes near its bound: ${row!.largestShare}`);
});

test.run();
