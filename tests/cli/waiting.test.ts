import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { spectrum } from '../../analysis/curvature/spectrum.ts';
import { createOutput } from '../../cli/words/output.ts';
import { showStages } from '../../cli/words/stages.ts';
import { createAdapter } from '../../training/adapters/create.ts';
import type { Stage } from '../../training/stage.ts';
import { keepingStream, spawnedCommandLine } from '../cases/commandLine.ts';
import { referenceModel, referenceRows } from '../cases/reference.ts';
import { inTemporaryFolder } from '../cases/temporaryFolder.ts';
import { referencePath, storedReferenceRows, writeRows } from '../cases/tokenFiles.ts';
import { onlyObject, resultOf } from '../oracles/commands.ts';

const rows = referenceRows('llama');
const smallest = ['--rank', '1', '--target-modules', 'q_proj', '--threads', '1'];

/** A method of the user's own whose start takes its time: `seconds` for each module. */
async function writeSlowMethod(folder: string, seconds: number): Promise<string> {
  const file = join(folder, 'slow.ts');
  const training = new URL('../../training/index.ts', import.meta.url).href;
  const lines = [
    `import { adapterMethod } from '${training}';`,
    "const lora = adapterMethod('lora');",
    'export default {',
    "  ...lora, name: 'slow',",
    '  async initialise(context) {',
    `    await new Promise((done) => setTimeout(done, ${1000 * seconds}));`,
    '    return lora.initialise(context);',
    '  },',
    '};',
  ];
  await writeFile(file, lines.join('\n'));
  return file;
}

test('the stages of a spectrum are told in their order, each before its parts', async () => {
  await using model = await referenceModel('llama', 'float32');
  const stages: Stage[] = [];
  const onStage = (stage: Stage) => stages.push(stage);
  const adapter = await createAdapter(model, { method: 'lora', rank: 1, targetModules: 'q_proj', onStage });
  const modules = adapter.layout.modules.size;
  assert.equal(
    stages,
    Array.from({ length: modules + 1 }, (_, done) => ({ name: 'start', done, total: modules })),
  );
  stages.length = 0;
  const { products } = await spectrum(model, adapter, rows, {
    ...{ batchSize: 2, seed: 0, traceProducts: 3, perModule: true, onStage },
    onStep: (progress) => assert.ok(progress.expected() >= progress.products),
  });
  assert.ok(products > 1);
  const names = stages.map(({ name }) => name).filter((name, index, all) => name !== all[index - 1]);
  // The second batch has another shape.
  assert.equal(names, [
    ...['compile', 'linearise', 'compile', 'linearise'],
    ...['products', 'rounding', 'modules', 'trace'],
  ]);
  assert.equal(
    stages.filter(({ name }) => name === 'linearise'),
    [0, 1].map((done) => ({ name: 'linearise', done, total: 2 })),
  );
});

test('a stage is handed on as it begins, and its parts are shown; with quiet nothing is', () => {
  for (const quiet of [false, true]) {
    const stream = keepingStream();
    const begun: string[] = [];
    const output = createOutput({ json: false, quiet }, stream, stream, { doing: (words) => begun.push(words) });
    const stages = showStages(output);
    stages.show({ name: 'compile', done: 0, total: 1 });
    stages.show({ name: 'products', done: 0, total: 10 });
    stages.show({ name: 'products', done: 1, total: 4 }, 'lambda_max 2');
    stages.stop();
    assert.equal(
      begun.map((words) => words.replace(/^\d+ s: (\w+).*/, '$1')),
      quiet ? [] : ['compiling', 'multiplying'],
    );
    assert.is(stream.text(), quiet ? '' : 'products 1/4  lambda_max 2\n');
  }
});

test('seconds count everything from the start of the command, initial values and set-up too', () =>
  inTemporaryFolder(async (folder) => {
    const data = ['--data', await writeRows(folder, storedReferenceRows())];
    const method = ['--method', await writeSlowMethod(folder, 0.3)];
    const options = ['--model', referencePath('models/llama'), ...smallest, ...data, ...method];
    const slow = 2 * 0.3;
    for (const [command, ...more] of [
      ['spectrum', '--max-products', '3'],
      ['finetune', '--steps', '1', '--lr', '1e-3'],
      ['evaluate'],
    ] as const) {
      const began = performance.now();
      const result = await resultOf<{ seconds: number; setupSeconds?: number }>(command, ...options, ...more);
      const all = (performance.now() - began) / 1000;
      assert.ok(result.seconds >= slow && result.seconds <= all, `${command}: ${result.seconds} of ${all}`);
      if (command === 'spectrum') assert.ok(result.setupSeconds! >= slow && result.setupSeconds! < result.seconds);
    }
  }));

test('what takes long is said while it is done, beside a result that counts from the start of the process', () =>
  inTemporaryFolder(async (folder) => {
    await writeRows(folder, storedReferenceRows());
    const method = ['--method', await writeSlowMethod(folder, 2)];
    const data = ['--data', 'rows.jsonl', '--json'];
    const options = ['--model', referencePath('models/llama'), ...smallest, ...method, ...data];
    const outcome = await spawnedCommandLine(['evaluate', ...options], folder);
    assert.match(outcome.stderr, /^\d+ s: making initial values \.\.\.$/m);
    assert.ok(onlyObject<{ seconds: number }>(outcome).seconds > 4);
  }));

test.run();
