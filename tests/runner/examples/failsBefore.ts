import { test } from 'uvu';

test.before(() => {
  throw new Error('nothing is prepared');
});
test('this is not reached', () => {});
test.run();
