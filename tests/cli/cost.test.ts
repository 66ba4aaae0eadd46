import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { sayCost, sayMemory } from '../../cli/words/cost.ts';
import { createOutput } from '../../cli/words/output.ts';
import { keepingStream } from '../cases/commandLine.ts';

const step = { flops: 2e9, rows: 8, length: 128, passingBytes: 4e9, moreBytes: 5e9, peakBytes: 5.2e9 };

function said(say: (output: ReturnType<typeof createOutput>) => void): string {
  const stream = keepingStream();
  say(createOutput({ json: false, quiet: false }, stream, stream));
  return stream.text();
}

test('what fits is announced, with what is free', () => {
  const cost = { ...step, option: '--micro-batch', freeBytes: 16e9 };
  assert.is(
    said((output) => sayCost(cost, output)),
    'a gradient of 8 rows of 128 tokens: about 2 GFLOP and 5.2 GB of memory (16 GB are free)\n',
  );
});

test('what does not fit is said before it starts, with the option that makes it fit', () => {
  for (const [freeBytes, remedy] of [
    [3e9, '--micro-batch 4 would fit'],
    [1.2e9, 'a smaller model, or a lower --max-length, is needed'],
  ] as const)
    assert.match(
      said((output) => sayCost({ ...step, option: '--micro-batch', freeBytes }, output)),
      new RegExp(`\\n5 GB more of memory are needed, and [\\d.]+ GB are free: ${remedy}`),
    );
});

test('batches that are computed anew are said, with what that costs', () => {
  const memory = { ...step, freeBytes: 6e9, batches: 3, keptBatches: 1 };
  assert.match(
    said((output) => sayMemory(memory, output)),
    /^a product of 8 rows.*\nwhat 2 of 3 batches would keep does not fit.*--batch-size/,
  );
  assert.is(said((output) => sayMemory({ ...memory, keptBatches: 3 }, output)).split('\n').length, 2);
});

test.run();
