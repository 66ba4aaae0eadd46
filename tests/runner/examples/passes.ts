import { test } from 'uvu';
import * as assert from 'uvu/assert';

test('one and one is two', () => assert.is(1 + 1, 2));
test.skip('this is not run', () => assert.unreachable());
test.run();
