import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { nativeFault } from '../cases/backends.ts';
import { commandLine } from '../cases/commandLine.ts';
import { failsClearly, resultOf } from '../oracles/commands.ts';

interface Health {
  readonly backends: readonly {
    readonly name: string;
    readonly works: boolean;
    readonly reason: string | null;
    readonly gemmGflops: number | null;
    readonly threads: number | null;
  }[];
}

test('doctor tells of every backend whether it works, and why not', async () => {
  const fault = await nativeFault();
  const { backends } = await resultOf<Health>('doctor', '--threads', '1');
  assert.equal(
    backends.map(({ name, works }) => [name, works]),
    [
      ['onnx', true],
      ['tensorflow', fault === undefined],
      ['wasm', true],
    ],
  );
  for (const { works, reason, gemmGflops, threads, ...rest } of backends) {
    assert.equal(Object.keys(rest), ['name']);
    if (works) {
      assert.is(reason, null);
      assert.is(threads, 1);
      assert.ok(gemmGflops! > 0);
    } else {
      assert.equal([gemmGflops, threads], [null, null]);
      assert.match(reason!, /lambdamax setup tensorflow --wheel FILE\.whl/);
    }
  }
});

test('doctor in words is a table, with reasons below it', async () => {
  const { code, stdout } = await commandLine(['doctor', '--threads', '1']);
  assert.is(code, 0);
  assert.match(stdout, /^backend +works +GFLOP\/s +threads\nonnx +yes +[\d.]+ +1\ntensorflow +(yes|no) .*\nwasm +yes/);
});

test('doctor refuses threads that are no number', () => failsClearly(['doctor', '--threads', 'all'], 2, /--threads/));

test.run();
