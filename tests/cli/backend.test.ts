import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { nativeFault } from '../cases/backends.ts';
import { inTemporaryFolder } from '../cases/temporaryFolder.ts';
import { randomRows, referencePath, writeRows } from '../cases/tokenFiles.ts';
import { failsClearly, resultOf } from '../oracles/commands.ts';
import { relativeError } from '../oracles/relativeError.ts';

const llama = ['--model', referencePath('models/llama'), '--threads', '1'];
const small = ['--method', 'pissa', '--rank', '2', '--target-modules', 'q_proj'];
const float32Tolerance = 1e-4;

/** Commands that compute, and numbers of their results that do not depend on what computes them. */
const commands: readonly (readonly [name: string, options: readonly string[], numbers: readonly string[]])[] = [
  ['evaluate', [], ['loss']],
  ['finetune', [...small, '--lr', '1e-3', '--steps', '3', '--batch-size', '2'], ['initialLoss', 'finalLoss']],
  ['spectrum', [...small, '--tolerance', '1e-3'], ['loss', 'gradientNorm']],
];

for (const [name, options, numbers] of commands)
  test(`${name} --backend wasm agrees with --backend onnx`, () =>
    inTemporaryFolder(async (folder) => {
      const data = await writeRows(folder, randomRows(4, 5));
      const on = async (backend: string) => {
        const result = await resultOf<Record<string, number>>(
          name,
          ...llama,
          ...['--data', data, '--backend', backend],
          ...options,
        );
        return numbers.map((number) => result[number]!);
      };
      const [wasm, onnx] = [await on('wasm'), await on('onnx')];
      assert.ok(relativeError(wasm, onnx) < float32Tolerance, `${wasm} and ${onnx}`);
    }));

if ((await nativeFault()) !== undefined)
  test('--backend tensorflow without its native binding says how to build it', () =>
    inTemporaryFolder(async (folder) => {
      const data = await writeRows(folder, randomRows(2, 5));
      await failsClearly(
        ['evaluate', ...llama, '--data', data, '--backend', 'tensorflow'],
        1,
        /backend tensorflow: expected .*; build it once with `lambdamax setup tensorflow --wheel FILE\.whl`/,
      );
    }));

test.run();
