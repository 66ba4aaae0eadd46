import { test } from 'uvu';

test('something stays open', () => {
  setInterval(() => {}, 1000);
});
test.run();
