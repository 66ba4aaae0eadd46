import { test } from 'uvu';
import * as assert from 'uvu/assert';

test('one and one is two', () => assert.is(1 + 1, 2));
test('one and one is three', () => assert.is(1 + 1, 3));
test.run();
