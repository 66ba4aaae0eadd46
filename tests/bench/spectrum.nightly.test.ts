import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { spectrum } from '../../bench/spectrum.ts';
import { rowOf, spectrumTables } from '../../bench/spectrumRows.ts';

test('the bench finds the largest eigenvalue to a true error of 1e-3 at both points, in processes of its own', async () => {
  const result = await spectrum({ models: ['tiny'], threads: [1], peers: false, rounds: 1 }, () => {});
  const subjects = ['lambdamax onnx', 'lambdamax onnx cold', 'lambdamax onnx by its rule'];
  assert.equal(
    result.rows.map(({ point, subject }) => `${point} ${subject}`),
    ['perturbed', 'initial'].flatMap((point) => subjects.map((subject) => `${point} ${subject}`)),
  );
  for (const { trueError, milliseconds, setupMilliseconds, products, missed } of result.rows) {
    assert.ok(trueError <= 1e-3 && !missed, `error ${trueError}`);
    assert.ok(0 < setupMilliseconds! && setupMilliseconds! < milliseconds!);
    assert.is(products.length, 1);
  }
  // The same search, with compiled graphs and without; to be sure of it takes more.
  const [warm, cold, sure] = result.rows;
  assert.is(warm!.products[0], cold!.products[0]);
  assert.is(warm!.value, cold!.value);
  assert.ok(sure!.products[0]! > warm!.products[0]!);
  assert.match(spectrumTables(result).join('\n'), /\ntiny, perturbed, 1 thread\nsubject .*\nlambdamax onnx /);
});

test('a searcher that never gets there has no time, and its value is shown', () => {
  const place = { model: 'tiny', point: 'initial', threads: 1, truth: 2 } as const;
  const row = rowOf('a peer', [], { ...place, missed: -1.9 });
  assert.equal([row.milliseconds, row.value, row.missed], [null, -1.9, true]);
  assert.ok(Math.abs(row.trueError - 1.95) < 1e-12);
  const search = { setupMilliseconds: 1, cpuMilliseconds: 1, peakMegabytes: 1 };
  const found = (milliseconds: number, value: number) => ({ ...search, milliseconds, value, products: 3 });
  const ours = rowOf('lambdamax onnx', [found(9, 2.001), found(1, 2), found(5, 1.999)], {
    ...place,
    missed: undefined,
  });
  assert.is(ours.milliseconds, 5);
  assert.equal(ours.runs, [9, 1, 5]);
  assert.ok(Math.abs(ours.trueError - 0.0005) < 1e-12);
  const lines = spectrumTables({
    machine: { processor: 'p', cores: 1, platform: '', load: 0, versions: {}, gemmGflops: {} },
    rows: [ours, row],
  });
  assert.match(lines.at(-1)!, /^a peer +-1\.90000 +never .*missed$/);
});

test.run();
