import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readSweepCsv } from '../../../analysis/rates/sweepCsv.ts';
import { curve, readingOf, table } from '../../cases/tables.ts';
import { inTemporaryFolder } from '../../cases/temporaryFolder.ts';
import { throwsClearly } from '../../oracles/throws.ts';

const unfinished = [
  'crashed',
  'failed',
  'FAIL',
  'FAILED',
  'killed',
  'KILLED',
  'running',
  'RUNNING',
  'PRUNED',
  'WAITING',
  'ERROR',
];
unfinished.push(
  'PENDING',
  'PAUSED',
  'preempted',
  'SCHEDULED',
  'CANCELLED',
  'timeout',
  'OUT_OF_MEMORY',
  'aborted',
  'queued',
);
for (const status of unfinished)
  test(`a run that is ${status} does not count`, async () => {
    const finished = curve(1e-3, (rate, loss) => `lora,${rate},${loss},finished`);
    const text = table('method,learningRate,score,status', finished, `lora,1,0.1,${status}`, `lora,2,,${status}`);
    const { best, notices } = await readingOf(text, { scoreDirection: 'lower' });
    assert.equal(best, { lora: '0.0010' });
    assert.equal(notices, [`left out 2 of 7 runs, which did not finish: 2 ${status}`]);
  });

for (const status of ['finished', 'FINISHED', 'COMPLETE', 'completed', 'TERMINATED', 'success', 'done', 'True'])
  test(`a run that is ${status} counts`, async () => {
    const text = table(
      'method,learningRate,score,status',
      curve(1e-3, (rate, loss) => `lora,${rate},${loss},${status}`),
    );
    assert.equal((await readingOf(text, { scoreDirection: 'lower' })).notices, []);
  });

test('a status that nobody knows is refused, and a table without one finished run', async () => {
  const of = (status: string) =>
    table(
      'method,learningRate,score,status',
      curve(1e-3, (rate, loss) => `lora,${rate},${loss},${status}`),
    );
  await throwsClearly(
    () => readingOf(of('sleepy')),
    /line 2: expected status to be a status that is known.*got sleepy/,
  );
  await throwsClearly(
    () => readingOf(of('crashed')),
    /at least one finished run, got 5 crashed; `columns: ignore=status`/,
  );
});

const noNumbers = [
  'nan',
  'NaN',
  'NAN',
  '-nan',
  'inf',
  '-inf',
  'Inf',
  'Infinity',
  '-Infinity',
  '+inf',
  'null',
  'NULL',
  'None',
  'NA',
  'N/A',
  '#N/A',
];
noNumbers.push('', '-', '<NA>', '1.#QNAN', '-1.#IND', '1.#INF', '-nan(ind)', '#NUM!', '1e999', '?');
test('whatever says that there is no number is a diverged run', async () => {
  const rates = noNumbers.map((word, index) => `lora,${index + 1},${word}`);
  await inTemporaryFolder(async (folder) => {
    const path = join(folder, 'table.csv');
    await writeFile(
      path,
      table(
        'method,learningRate,score',
        curve(1e-3, (rate, loss) => `lora,${rate},${loss}`),
        rates,
      ),
    );
    const { runs } = readSweepCsv(path, { scoreDirection: 'lower' });
    assert.equal(
      runs.slice(5).map(({ score, status }) => [score, status]),
      noNumbers.map(() => [null, 'diverged']),
    );
  });
});

test.run();
