import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { randomStream } from '../../../compute/random.ts';
import { rowMajor, type SingularValueResult } from '../../../numerics/dense/decompositions.ts';
import type { DenseMatrix } from '../../../numerics/dense/products.ts';
import { keptSingularValues } from '../../../training/adapters/initial/keptSingularValues.ts';
import { withEnvironment } from '../../cases/environment.ts';
import { inTemporaryFolder } from '../../cases/temporaryFolder.ts';

function weight(seed = 0, rows = 150, columns = 130): DenseMatrix {
  const random = randomStream(seed, 'weight');
  return { rows, columns, values: Float64Array.from({ length: rows * columns }, () => random.normal()) };
}

function bitsOf({ U, S, V }: SingularValueResult): string {
  return Buffer.concat(
    [rowMajor(U), Float64Array.from(S), rowMajor(V)].map(({ buffer }) => Buffer.from(buffer)),
  ).toString('base64');
}

const largest = async (matrix: DenseMatrix, count = 4) => bitsOf(await keptSingularValues(matrix, count, 'largest'));

/** Calls `body` with the folder of starts in a cache of its own. */
const withCache = (body: (folder: string) => Promise<void>) =>
  inTemporaryFolder((folder) => withEnvironment({ LAMBDAMAX_CACHE: folder }, () => body(join(folder, 'starts'))));

const withoutCache = <T>(body: () => Promise<T>) => withEnvironment({ LAMBDAMAX_CACHE: 'off' }, body);

test('what is kept has the bits of what is computed', () =>
  withCache(async (folder) => {
    for (const matrix of [weight(0), weight(1, 130, 150)]) {
      const computed = await withoutCache(() => largest(matrix));
      assert.is(await largest(matrix), computed);
      assert.is(await largest(matrix), computed);
    }
    assert.is(readdirSync(folder).length, 2);
  }));

test('another number, end, shape or a single other entry is another decomposition', () =>
  withCache(async (folder) => {
    const matrix = weight();
    await largest(matrix);
    await largest(matrix, 5);
    await keptSingularValues(matrix, 4, 'smallest');
    await largest({ ...matrix, rows: 130, columns: 150 });
    const other = matrix.values.slice();
    other[77]! *= 1 + Number.EPSILON;
    await largest({ ...matrix, values: other });
    assert.is(readdirSync(folder).length, 5);
  }));

test('a damaged file is made anew', () =>
  withCache(async (folder) => {
    const first = await largest(weight());
    const [name] = readdirSync(folder);
    const path = join(folder, name!);
    const whole = readFileSync(path);
    for (const damaged of [whole.subarray(0, 100), Buffer.alloc(whole.length), Buffer.from('')]) {
      writeFileSync(path, damaged);
      assert.is(await largest(weight()), first);
      assert.equal(readFileSync(path), whole);
    }
  }));

test('small matrices are not kept, and none where the cache is off', () =>
  withCache(async (folder) => {
    await largest(weight(0, 40, 30));
    await withoutCache(() => largest(weight()));
    assert.not(existsSync(folder));
  }));

test('processes that come at once for the same decomposition find the same bits, and leave one file', () =>
  withCache(async (folder) => {
    const module = new URL('../../../training/adapters/initial/keptSingularValues.ts', import.meta.url).href;
    const script = `
      const { keptSingularValues } = await import(${JSON.stringify(module)});
      const values = Float64Array.from({ length: 150 * 130 }, (_, index) => Math.sin(index * index));
      const { U, S, V } = await keptSingularValues({ rows: 150, columns: 130, values }, 4, 'largest');
      console.log(JSON.stringify([U.to1DArray(), S, V.to1DArray()]));`;
    const run = () => promisify(execFile)(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script]);
    const outputs = await Promise.all([run(), run()]);
    outputs.push(await run());
    assert.is(new Set(outputs.map(({ stdout }) => stdout)).size, 1);
    assert.is(readdirSync(folder).length, 1);
  }));

test.run();
