import { test } from 'uvu';

test('the process ends in the middle', () => {
  process.stdout.write('on the way out\n');
  process.exit(0);
});
test.run();
