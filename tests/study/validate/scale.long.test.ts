import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { validate } from '../../../study/validate/validate.ts';
import { inTemporaryFolder } from '../../cases/temporaryFolder.ts';

// The bundled model: one that has learnt something, and rows of words.
for (const method of ['pissa'])
  test(`parameters of ${method} 4 times smaller: lambda_max x 16, AdamW’s rate / 4, descent’s rate / 16`, () =>
    inTemporaryFolder(async (folder) => {
      const { tests } = await validate({
        ...{ method, tests: ['scale'], seeds: [0], batchSize: 1, limit: 40, task: 'math', exactOnly: true },
        ...{ threads: 1, workers: 1, out: join(folder, method) },
      });
      assert.equal(
        tests.map(({ optimizer, rateRatio }) => [optimizer, rateRatio]),
        [
          ['AdamW', 4],
          ['SGD', 16],
          ['SGD with momentum', 16],
        ],
      );
      for (const { lossDifference, lambdaRatio, preconditionedRatio, lineSearchRatio } of tests) {
        const isNear = (value: unknown, expected: number, tolerance: number): boolean =>
          Math.abs((value as number) / expected - 1) <= tolerance;
        assert.ok((lossDifference as number) <= 1e-5);
        assert.ok(isNear(lambdaRatio, 16, 1e-6));
        assert.ok(isNear(preconditionedRatio, 4, 1e-3));
        assert.ok(isNear(lineSearchRatio, 4, 1e-3));
      }
    }));

test.run();
