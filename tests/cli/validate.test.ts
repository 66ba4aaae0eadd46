import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { ValidationResult } from '../../study/index.ts';
import { commandLine } from '../cases/commandLine.ts';
import { inTemporaryFolder } from '../cases/temporaryFolder.ts';
import { randomRows, referencePath, writeRows } from '../cases/tokenFiles.ts';
import { failsClearly, resultOf } from '../oracles/commands.ts';

async function inFolderOfRows(folder: string): Promise<string[]> {
  const data = await writeRows(folder, randomRows(40, 1));
  return [
    ...['--model', referencePath('models/llama'), '--threads', '1', '--workers', '1', '--data', data],
    ...['--rank', '2', '--target-modules', 'q_proj', '--steps', '2', '--batch-size', '4', '--seeds', '1'],
    ...['--out', join(folder, 'tests')],
  ];
}

test('validate says the price, then an entry for each optimizer, and goes on for nothing when it is given again', () =>
  inTemporaryFolder(async (folder) => {
    const run = ['validate', '--tests', 'T1', ...(await inFolderOfRows(folder))];
    const { code, stdout, stderr } = await commandLine(run);
    assert.is(code, 0, stderr);
    assert.match(stderr, /test +runs +products +gradients +about\nscale +9 +160 +\d+ /);
    assert.match(stdout, /scale +AdamW +16 +4 +exact +refuted/);
    assert.match(stdout, /scale +SGD +16 +16 +exact +held/);
    const found = await resultOf<ValidationResult>(...run);
    assert.equal(
      found.tests.map(({ name, optimizer, rateRatio }) => [name, optimizer, rateRatio]),
      [
        ['scale', 'AdamW', 4],
        ['scale', 'SGD', 16],
        ['scale', 'SGD with momentum', 16],
      ],
    );
    for (const entry of found.tests)
      for (const field of [
        'claim',
        'outcome',
        'expected',
        'measured',
        'low',
        'high',
        'words',
        'lambdaRatio',
        'lossDifference',
      ])
        assert.ok(field in entry, field);
    assert.ok(found.gradientEvaluations > 0 && found.seconds > 0);
    assert.ok(existsSync(found.report));
  }));

test('a variant of one’s own goes through by naming its file', () =>
  inTemporaryFolder(async (folder) => {
    const method = resolve('notebooks/my-variant.ts');
    const run = [
      'validate',
      '--tests',
      'all',
      '--budget',
      '3000',
      '--method',
      method,
      ...(await inFolderOfRows(folder)),
    ];
    const { tests, leftOut } = await resultOf<ValidationResult>(...run);
    assert.ok(tests.length > 0 && tests.every(({ name }) => name !== 'scale'));
    assert.match(leftOut.find(({ name }) => name === 'scale')!.reason, /my-variant|gated-lora/);
  }));

test('a wrong command line is named', async () => {
  await failsClearly(
    ['validate', '--tests', 'T9'],
    2,
    /--tests: expected one of scale, sharp-module, sgd, edge, reach, all, or T1 to T5/,
  );
  await failsClearly(['validate', '--budget', '0'], 2, /--budget/);
  await failsClearly(['validate', '--sharp-modules', 'many'], 2, /--sharp-modules/);
  await failsClearly(['validate', '--method', 'lorra'], 2, /--method/);
});

test.run();
