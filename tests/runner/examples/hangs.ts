import { spawn } from 'node:child_process';
import { test } from 'uvu';

test('there is no end, for a child either', async () => {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
  process.stdout.write(`child ${child.pid}\n`);
  await new Promise(() => {});
});
test.run();
