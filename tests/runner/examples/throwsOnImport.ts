import { test } from 'uvu';

test('this is not reached', () => {});
throw new Error('not to be imported');
