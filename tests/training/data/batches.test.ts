import { readFile } from 'node:fs/promises';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { batchesOf, epochOrder, stepRows, toBatch } from '../../../training/data/batches.ts';
import { toTokenRows } from '../../../training/data/examples.ts';
import { bucketLength } from '../../../training/data/paddedLengths.ts';
import { throwsClearly } from '../../oracles/throws.ts';

const row = (inputIds: number[], labels: number[], mask?: number[]) => ({
  inputIds: Int32Array.from(inputIds),
  labels: Int32Array.from(labels),
  ...(mask && { attentionMask: Uint8Array.from(mask) }),
});

const two = [row([5, 6, 7], [-100, 6, 7]), row([8, 9], [-100, 9])];

test('targets are the labels one position on; the weights are the mean over all scored positions', () => {
  const { rows, length, scored, inputs } = toBatch(two, { length: 4, precision: 'float64' });
  assert.equal([rows, length, scored], [2, 4, 3]);
  assert.equal(inputs, {
    inputIds: Int32Array.of(5, 6, 7, 0, 8, 9, 0, 0),
    targets: Int32Array.of(6, 7, 0, 0, 9, 0, 0, 0),
    lossWeights: Float64Array.of(1 / 3, 1 / 3, 0, 0, 1 / 3, 0, 0, 0),
  });
});

test('a label of 0 is scored like any other', () => {
  const { inputs, scored } = toBatch([row([3, 0], [-100, 0])], { length: 2, precision: 'float64' });
  assert.is(scored, 1);
  assert.equal(inputs.lossWeights, Float64Array.of(1, 0));
});

test('by default the length is a bucket and the weights are float32', () => {
  const { length, inputs } = toBatch(two);
  assert.is(length, 8);
  assert.instance(inputs.lossWeights, Float32Array);
});

test('rows that fill a batch weigh nothing', () => {
  const small = toBatch(two, { length: 4 });
  const filled = toBatch(two, { length: 4, rows: 3 });
  assert.equal([filled.rows, filled.scored], [3, small.scored]);
  for (const name of ['inputIds', 'targets', 'lossWeights']) {
    assert.equal(filled.inputs[name]!.subarray(0, 8), small.inputs[name]);
    assert.ok(filled.inputs[name]!.subarray(8).every((value) => value === 0));
  }
});

test('a mask is there only if a row has zeros inside, and rows that fill the batch are not masked', () => {
  assert.not.ok('keyMask' in toBatch([row([5, 6], [-100, 6], [1, 1])]).inputs);
  const masked = [row([5, 6, 7], [-100, -100, 7], [0, 1, 1]), row([8, 9], [-100, 9])];
  const { keyMask } = toBatch(masked, { length: 4, rows: 3 }).inputs;
  assert.equal(keyMask, Float32Array.of(0, 1, 1, 0, 1, 1, 0, 0, 1, 1, 1, 1));
});

test("the reference's batch has the reference's number of scored positions", async () => {
  const { batches } = JSON.parse(await readFile('fixtures/reference/batches.json', 'utf8'));
  for (const { input_ids, attention_mask, labels, valid_tokens } of Object.values<Record<string, number[][]>>(
    batches,
  )) {
    const data = input_ids!.map((ids, index) => ({
      input_ids: ids,
      attention_mask: attention_mask![index],
      labels: labels![index],
    }));
    const { rows } = toTokenRows(data, { maxLength: 512, vocabSize: 97 });
    assert.equal(
      rows.map(({ inputIds }) => inputIds.length),
      attention_mask!.map((mask) => mask.reduce((sum, one) => sum + one, 0)),
    );
    const batch = toBatch(rows, { length: 12, precision: 'float64' });
    assert.is(batch.scored, valid_tokens as unknown as number);
    assert.equal(batch.inputs.inputIds, Int32Array.from(input_ids!.flat()));
    const weight = (batch.inputs.lossWeights as Float64Array).reduce((sum, one) => sum + one, 0);
    assert.ok(Math.abs(weight - 1) < 1e-14, `${weight}`);
  }
});

test('a bucket holds its length, is at most half as long again beyond 16, and is its own bucket', () => {
  const buckets = new Set<number>();
  for (let length = 1; length <= 2048; length++) {
    const bucket = bucketLength(length);
    buckets.add(bucket);
    assert.ok(bucket >= length);
    if (length > 16) assert.ok(bucket < 1.5 * length, `${length}: ${bucket}`);
    assert.is(bucketLength(bucket), bucket);
  }
  assert.equal([...buckets], [8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048]);
});

test('batches are the rows in order, the last one smaller', () => {
  assert.equal(batchesOf([1, 2, 3, 4, 5], 2), [[1, 2], [3, 4], [5]]);
  assert.equal(batchesOf([1, 2], 5), [[1, 2]]);
});

test('an epoch is an order of all rows, another one for another epoch or seed', () => {
  const order = (seed: number, epoch: number) => epochOrder(50, seed, epoch, true);
  assert.equal(
    [...order(1, 0)].sort((a, b) => a - b),
    epochOrder(50, 1, 0, false),
  );
  assert.equal(order(1, 0), order(1, 0));
  assert.not.equal(order(1, 0), order(1, 1));
  assert.not.equal(order(1, 0), order(2, 0));
});

for (const [count, batchSize] of [
  [10, 3],
  [4, 4],
  [3, 8],
  [1, 1],
  [7, 5],
] as const) {
  test(`steps of ${batchSize} go through ${count} rows epoch by epoch, leaving none out`, () => {
    const rows = Array.from({ length: count }, (_, index) => index);
    for (const shuffle of [true, false]) {
      const steps = Array.from({ length: 3 * count }, (_, step) => stepRows(rows, batchSize, step, 5, shuffle));
      assert.ok(steps.every((step) => step.length === batchSize));
      const stream = steps.flat();
      for (let epoch = 0; epoch < 3 * batchSize; epoch++) {
        assert.equal(stream.slice(epoch * count, (epoch + 1) * count), epochOrder(count, 5, epoch, shuffle));
      }
    }
  });
}

test('what does not fit or cannot be scored is refused', async () => {
  await throwsClearly(() => toBatch(two, { length: 2 }), /at most 2 rows of 2 tokens, got 2 rows of up to 3/);
  await throwsClearly(() => toBatch(two, { rows: 1 }), /at most 1 rows/);
  await throwsClearly(() => toBatch([]), /a position to score/);
  await throwsClearly(() => toBatch([row([1, 2], [1, -100])]), /a position to score/);
  for (const size of [0, -1, 1.5, Number.NaN]) {
    await throwsClearly(() => batchesOf([1], size), /batchSize: expected/);
    await throwsClearly(() => stepRows([1], size, 0, 0, true), /batchSize: expected/);
  }
  await throwsClearly(() => stepRows([], 1, 0, 0, true), /at least one row/);
});

test.run();
