import { pathToFileURL } from 'node:url';

/** What became of a file of tests: how many there are, how many of them passed, and how many are not run. */
export interface FileResult {
  readonly total: number;
  readonly passed: number;
  readonly skipped: number;
}

/** A file to run, and the folder of the graphs that it compiles; no file asks the process to end. */
export interface FileOrder {
  readonly file?: string;
  readonly graphs?: string;
}

/** A suite of uvu: its failures in words, or true, then its numbers. */
type Suite = () => Promise<[failures: string | true, passed: number, skipped: number, total: number]>;

// uvu's own names: where `test.run()` leaves a suite, and that it is somebody else who carries it out.
declare global {
  var UVU_DEFER: number | undefined;
  var UVU_QUEUE: Suite[][] | undefined;
}

/** Runs the tests of one file in this process, and writes to standard output what uvu says of them. */
async function testsOf(file: string): Promise<FileResult> {
  const suites: Suite[] = [];
  globalThis.UVU_QUEUE!.splice(0, Number.POSITIVE_INFINITY, suites);
  await import(pathToFileURL(file).href);
  const result = { total: 0, passed: 0, skipped: 0 };
  for (const suite of suites) {
    const [failures, passed, skipped, total] = await suite();
    if (failures !== true) process.stdout.write(`\n${failures}\n`);
    result.total += total;
    result.passed += passed;
    result.skipped += skipped;
  }
  return result;
}

// It works for the process that sends it files, and ends with that one whatever it is doing, and with all that it has started:
// the process is the first of its group.
const endWithParent = () => {
  try {
    process.kill(-process.pid, 'SIGKILL');
  } catch {
    process.exit(1);
  }
};
process.on('disconnect', endWithParent);
process.on('message', async ({ file, graphs }: FileOrder) => {
  if (file === undefined) {
    // Ends by itself unless a test has left something open.
    process.off('disconnect', endWithParent);
    process.disconnect();
    return;
  }
  if (graphs !== undefined) process.env.LAMBDAMAX_CACHE = graphs;
  try {
    process.send!(await testsOf(file));
  } catch (error) {
    process.stdout.write(`${(error as Error).stack ?? error}\n`);
    process.send!({ total: 0, passed: 0, skipped: 0 });
  }
});

globalThis.UVU_DEFER = 1;
if (process.argv.includes('--color')) process.env.FORCE_COLOR = '1';
await import('uvu');
// What the tests start is to be as it is without it.
delete process.env.FORCE_COLOR;
process.send!('ready');
