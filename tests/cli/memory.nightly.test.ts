import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { writeRandomCheckpoint } from '../../bench/randomCheckpoint.ts';
import { spawnedCommandLine } from '../cases/commandLine.ts';
import { inTemporaryFolder } from '../cases/temporaryFolder.ts';
import { writeRows } from '../cases/tokenFiles.ts';
import { onlyObject } from '../oracles/commands.ts';

/** Large enough for its values to outweigh a bare process, of which nobody knows how much it takes. */
const shape = { hidden: 512, intermediate: 1536, layers: 8, heads: 8, vocabulary: 8192, rows: 4, length: 128, rank: 8 };

const rows = Array.from({ length: 8 }, (_, row) => {
  const ids = Array.from({ length: shape.length }, (_, at) => (131 * row + 7 * at * at + 31 * at) % shape.vocabulary);
  return { input_ids: ids, labels: ids };
});

/** Bytes of a number and its unit: `2.3 GB`. */
const bytesOf = (words: string): number => Number.parseFloat(words) * (words.endsWith('GB') ? 1e9 : 1e6);

test('the memory that is announced is taken, to 15 %: with everything kept, and with nothing', () =>
  inTemporaryFolder(async (folder) => {
    await writeRandomCheckpoint(join(folder, 'model'), shape);
    const data = await writeRows(folder, rows);
    const options = ['--model', 'model', '--data', data, '--batch-size', '4', '--max-products', '2', '--threads', '2'];
    for (const more of [
      ['--limit', '4', '--method', 'lora'],
      ['--limit', '8', '--method', 'olora'],
      ['--limit', '4', '--method', 'lora', '--kept-megabytes', '0'],
    ]) {
      const outcome = await spawnedCommandLine(['spectrum', ...options, ...more, '--json'], folder);
      const announced = /GFLOP and ([\d.]+ [MG]B) of memory/.exec(outcome.stderr)?.[1];
      assert.ok(announced, outcome.stderr);
      const { peakMegabytes, keptBatches } = onlyObject<{ peakMegabytes: number; keptBatches: number }>(outcome);
      const ratio = bytesOf(announced) / (peakMegabytes * 2 ** 20);
      assert.ok(ratio > 1 / 1.15 && ratio < 1.15, `${more.join(' ')}: ${announced} of ${peakMegabytes} MiB`);
      assert.is(keptBatches, more.includes('0') ? 0 : more.includes('8') ? 2 : 1);
    }
  }));

test.run();
