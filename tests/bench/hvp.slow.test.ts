import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { requireLoss, requireVector } from '../../bench/agreement.ts';
import { hvp } from '../../bench/hvp.ts';
import { leastOperations, models } from '../../bench/models.ts';
import { tables } from '../../bench/rows.ts';
import { measure, type Subject } from '../../bench/subject.ts';
import { LambdamaxError } from '../../errors.ts';

const quantity = 'product linearised';

test('the bench measures a product that agrees with float64, in a process of its own', async () => {
  const result = await hvp(
    {
      models: ['tiny'],
      threads: [1],
      backends: ['onnx'],
      peers: false,
      quantities: [quantity],
      rounds: 1,
      repeats: 2,
      seconds: 1,
    },
    () => {},
  );
  const [row, ...others] = result.rows;
  assert.is(others.length, 0);
  assert.is(row!.subject, 'lambdamax onnx');
  assert.is(row!.milliseconds, Math.min(...row!.runs));
  assert.ok(row!.milliseconds > 0);
  assert.ok(row!.peakMegabytes > 20 && row!.peakMegabytes < 2000, `${row!.peakMegabytes} MB`);
  // float32 carries 6e-8, over sums of tens of terms.
  assert.ok(row!.trueError! > 0 && row!.trueError! < 1e-5, `error ${row!.trueError}`);
  assert.match(tables(result).join('\n'), /tiny, 1 thread\n.*\nproduct linearised +lambdamax onnx/);
});

test('a subject that computes another loss or vector is refused by name', () => {
  const reference = { loss: 6.5, vectors: {} };
  requireLoss('a peer', 6.5 * (1 + 9e-6), reference);
  requireLoss('a peer', null, reference);
  for (const loss of [6.5 * (1 + 2e-5), Number.NaN])
    assert.throws(() => requireLoss('a peer', loss, reference), /^a peer: expected the loss 6.5/);
  const exact = Float64Array.of(3, 4);
  assert.ok(Math.abs(requireVector('a peer', Float32Array.of(3, 4.004), exact) - 0.0008) < 1e-6);
  for (const vector of [Float32Array.of(3, 4.01), Float32Array.of(3), Float32Array.of(3, Number.NaN)])
    assert.throws(() => requireVector('a peer', vector, exact), /^a peer: expected the vector of float64/);
});

test('a subject that fails, or says something else than results, is named with its last words', async () => {
  const task = { problem: '', quantity, threads: 1, repeats: 1, seconds: 0, result: '' } as const;
  const subject = (script: string): Subject => ({
    name: 'a peer',
    command: process.execPath,
    arguments: ['-e', script, '--'],
    quantities: [quantity],
  });
  const wrong = [
    ['console.error("no such module"); process.exit(3)', /no such module/],
    ['process.exit(4)', /exit code 4/],
    ['console.log("hello")', /hello/],
    ['console.log(JSON.stringify({ loss: 1 }))', /"loss/],
  ] as const;
  for (const [script, said] of wrong) {
    const error = await measure(subject(script), task).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    assert.instance(error, LambdamaxError);
    assert.match((error as Error).message, /^a peer, product linearised: /);
    assert.match((error as Error).message, said);
  }
});

test('operations are those of matrix products, counted by hand for a model of one layer', () => {
  // 16 tokens; frozen 4 x 16x16 + 3 x 16x32 + output 32x16, LoRA of rank 2 on 4 x (16+16) + 3 x (16+32).
  const [frozen, lora, attention] = [2 * 16 * 3072, 2 * 16 * 2 * 272, 2 * 2 * 2 * (8 * 8 * 16)];
  const operations = leastOperations(models.tiny);
  assert.is(operations.forward, frozen + lora + attention);
  assert.is(operations.gradient, 2 * frozen + 3 * (lora + attention));
  assert.is(operations[quantity], 2 * frozen + 6 * (lora + attention));
  assert.is(operations.product, operations.gradient! + operations[quantity]!);
});

test.run();
