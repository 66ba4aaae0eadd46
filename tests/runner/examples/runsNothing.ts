import { test } from 'uvu';

test('this is not run', () => {});
