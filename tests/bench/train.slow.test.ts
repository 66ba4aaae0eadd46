import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { train } from '../../bench/train.ts';

test('the bench measures steps of the training loop, whose parameters agree with those in float64', async () => {
  const { rows } = await train(
    { models: ['tiny'], threads: [1], backends: ['onnx'], peers: false, rounds: 1, repeats: 3, seconds: 1 },
    () => {},
  );
  assert.is(rows.length, 1);
  const { subject, quantity, milliseconds, runs, trueError, gemmFraction } = rows[0]!;
  assert.equal([subject, quantity], ['lambdamax onnx', 'step']);
  assert.is(milliseconds, Math.min(...runs));
  // Three steps of Adam in float32: its quotients carry more than the gradient's rounding where that is nearly zero.
  assert.ok(trueError! > 0 && trueError! < 1e-4, `error ${trueError}`);
  assert.ok(gemmFraction! > 0 && gemmFraction! < 1);
});

test.run();
