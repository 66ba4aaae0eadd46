import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { StepMetrics } from '../../training/finetune/metrics.ts';
import { commandLine } from '../cases/commandLine.ts';
import { referenceJson } from '../cases/reference.ts';
import { inTemporaryFolder } from '../cases/temporaryFolder.ts';
import { randomRows, referencePath, storedReferenceRows, writeRows } from '../cases/tokenFiles.ts';
import { assertClose } from '../oracles/close.ts';
import { resultOf } from '../oracles/commands.ts';

interface Finetuned {
  readonly status: string;
  readonly steps: number;
  readonly tokens: number;
  readonly initialLoss: number;
  readonly finalLoss: number | null;
  readonly validationLoss: number | null;
  readonly accuracy: number | null;
  readonly reason: string | null;
  readonly adapter: string | null;
  readonly seconds: number;
}

interface Trajectory {
  readonly hyperparameters: { readonly lr: number };
  readonly losses_before_step: readonly number[];
  readonly loss_after_last_step: number;
  readonly learning_rates: readonly number[];
  readonly gradient_norms_before_clipping: readonly number[];
}

const llama = ['--model', referencePath('models/llama'), '--threads', '1'];
const plain = ['--adapter', referencePath('adapters/llama/lora/init')];
const further = ['--steps', '3', '--batch-size', '3', '--lr', '1e-2'];
const quick = [...further, '--rank', '4'];
const resultFields = [
  ...['accuracy', 'accuracyInterval', 'adapter', 'exactMatch', 'exactMatchInterval', 'finalLoss', 'initialLoss'],
  ...['reason', 'seconds', 'status', 'steps', 'tokens', 'trained', 'validationLoss'],
];

const finetuned = (...options: readonly string[]) => resultOf<Finetuned>('finetune', ...llama, ...options);
const lossOf = async (...options: readonly string[]) =>
  (await resultOf<{ loss: number }>('evaluate', ...llama, ...options)).loss;

async function metricsOf(out: string): Promise<StepMetrics[]> {
  const text = await readFile(join(out, 'metrics.jsonl'), 'utf8');
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as StepMetrics);
}

async function storedResult(out: string): Promise<Finetuned> {
  return JSON.parse(await readFile(join(out, 'result.json'), 'utf8')) as Finetuned;
}

const optimizers: Readonly<Record<string, readonly string[]>> = {
  sgd: ['--optimizer', 'sgd', '--schedule', 'constant', '--warmup-steps', '0'],
  'adamw-cosine': ['--optimizer', 'adamw', '--schedule', 'cosine', '--warmup-ratio', '0.03'],
};
for (const [name, options] of Object.entries(optimizers))
  test(`20 steps of ${name} leave metrics that are PyTorch's`, () =>
    inTemporaryFolder(async (folder) => {
      const { runs } = referenceJson<{ runs: Record<string, Trajectory> }>('trajectories.json');
      const expected = runs[name]!;
      const data = await writeRows(folder, storedReferenceRows());
      const out = join(folder, 'new', 'run');
      const rate = [
        '--lr',
        `${expected.hyperparameters.lr}`,
        '--steps',
        '20',
        '--batch-size',
        '3',
        '--shuffle',
        'false',
      ];
      const engine = ['--precision', 'float64'];
      const result = await finetuned('--data', data, ...plain, ...rate, ...options, ...engine, '--out', out);
      const lines = await metricsOf(out);
      assert.equal(
        lines.map(({ step }) => step),
        Array.from({ length: 20 }, (_, index) => index + 1),
      );
      const column = (field: 'loss' | 'learningRate' | 'gradientNorm') => lines.map((line) => line[field]);
      assertClose(column('loss'), expected.losses_before_step, 1e-8, 'losses');
      assertClose(column('learningRate'), expected.learning_rates, 1e-12, 'rates');
      assertClose(column('gradientNorm'), expected.gradient_norms_before_clipping, 1e-8, 'gradient norms');
      assertClose([result.finalLoss!], [expected.loss_after_last_step], 1e-8, 'final loss');
      assert.equal(Object.keys(result).sort(), resultFields);
      assert.is(result.status, 'finished');
      assert.is(result.initialLoss, lines[0]!.loss);
      assert.is(result.adapter, join(out, 'adapter'));
      assert.equal(await storedResult(out), { ...result, adapter: 'adapter' });
      assert.equal((await readdir(out)).sort(), ['adapter', 'metrics.jsonl', 'result.json']);
    }));

/** Residual weights are rounded to float32 once when they are made, and once when they are made again. */
const precisions = [
  ...['lora', 'pissa', 'milora', 'olora', 'init-ab'].map((method) => ({
    method,
    precision: 'float64',
    tolerance: 1e-12,
  })),
  ...['lora', 'pissa'].map((method) => ({ method, precision: 'float32', tolerance: 1e-5 })),
];
for (const { method, precision, tolerance } of precisions)
  test(`an adapter of ${method} in ${precision} is the same function when it is loaded again, and goes on from there`, () =>
    inTemporaryFolder(async (folder) => {
      const data = await writeRows(folder, randomRows(3, 1));
      const validation = await writeRows(folder, randomRows(4, 2), 'validation.jsonl');
      const out = join(folder, 'run');
      const engine = ['--precision', precision];
      const first = await finetuned(
        ...['--data', data, '--validation', validation, '--method', method, '--out', out],
        ...[...quick, ...engine],
      );
      assert.ok(first.finalLoss! < first.initialLoss, 'three steps over three rows do not learn them');
      const adapter = ['--adapter', join(out, 'adapter')];
      const loaded = await lossOf('--data', validation, ...adapter, ...engine);
      assertClose([loaded], [first.validationLoss!], tolerance, 'validation loss');
      // One step sees all rows, so that its loss is the loss where the first run ended. The folder is the same one.
      const next = await finetuned('--data', data, ...adapter, ...further, ...engine, '--out', out, '--overwrite');
      assertClose([next.initialLoss], [first.finalLoss!], tolerance, 'loss at the start of the second run');
      assert.ok(next.finalLoss! < first.finalLoss!);
      assertClose([await lossOf('--data', data, ...adapter, ...engine)], [next.finalLoss!], tolerance, 'final loss');
    }));

test('a PEFT folder that another program wrote is continued from its values', () =>
  inTemporaryFolder(async (folder) => {
    const data = await writeRows(folder, storedReferenceRows());
    const { points } = referenceJson<{ points: Record<string, { loss: number }> }>(
      'adapters/llama/lora/reference.json',
    );
    for (const point of ['init', 'perturbed']) {
      const adapter = ['--adapter', referencePath(`adapters/llama/lora/${point}`)];
      const { initialLoss } = await finetuned('--data', data, ...adapter, ...further, '--precision', 'float64');
      assertClose([initialLoss], [points[point]!.loss], 1e-9, point);
    }
  }));

test('the same command twice leaves the same bytes, but for the seconds; another seed does not', () =>
  inTemporaryFolder(async (folder) => {
    const data = await writeRows(folder, randomRows(7, 3));
    const train = async (name: string, ...seed: string[]) => {
      const out = join(folder, name);
      await finetuned('--data', data, '--method', 'lora', ...quick, '--out', out, ...seed);
      const metrics = (await metricsOf(out)).map(({ seconds: _, ...rest }) => rest);
      return { metrics, adapter: await readFile(join(out, 'adapter', 'adapter_model.safetensors')) };
    };
    const first = await train('first');
    assert.equal(await train('second'), first);
    assert.not.equal((await train('other order', '--seed', '1')).metrics, first.metrics);
    assert.not.equal((await train('other values', '--init-seed', '1')).adapter, first.adapter);
  }));

test('a diverged run is an outcome: exit code 0, the reason in words, and no adapter', () =>
  inTemporaryFolder(async (folder) => {
    const data = await writeRows(folder, storedReferenceRows());
    const out = join(folder, 'run');
    const absurd = ['--optimizer', 'sgd', '--lr', '1e38', '--steps', '9'];
    const run = ['finetune', ...llama, '--data', data, '--method', 'lora', '--rank', '4', ...absurd, '--out', out];
    const result = await resultOf<Finetuned>(...run);
    assert.is(result.status, 'diverged');
    assert.ok(result.steps < 9);
    assert.match(result.reason!, /^(loss|gradient norm) .* at step \d$/);
    assert.is(result.finalLoss, null);
    assert.is(result.adapter, null);
    assert.equal(await storedResult(out), result);
    assert.equal((await readdir(out)).sort(), ['metrics.jsonl', 'result.json']);
    assert.is((await metricsOf(out)).length, result.steps);
    const { code, stdout } = await commandLine([...run, '--overwrite']);
    assert.is(code, 0);
    assert.match(stdout, /^diverged after \d steps: loss [\d.]+ -> (loss|gradient norm) /);
  }));

test('--sharpness-every N adds lambda_max and its threshold to the metrics of every Nth step', () =>
  inTemporaryFolder(async (folder) => {
    const data = await writeRows(folder, randomRows(6, 8));
    const out = join(folder, 'run');
    const run = ['--data', data, '--method', 'lora', ...quick, '--steps', '5', '--out', out];
    await finetuned(...run, '--sharpness-every', '2', '--sharpness-tokens', '20');
    const lines = await metricsOf(out);
    assert.equal(
      lines.map(({ sharpness }) => sharpness !== undefined),
      [false, true, false, true, false],
    );
    for (const { sharpness, learningRate } of lines.filter((line) => line.sharpness)) {
      assert.ok(sharpness!.hessian! > 0 && sharpness!.effective! > 0);
      assertClose([sharpness!.threshold!], [38 / learningRate], 1e-12);
      assertClose([sharpness!.limit!], [38 / sharpness!.effective!], 1e-12);
    }
    const { stderr, code } = await commandLine(['finetune', ...llama, ...run.slice(0, -2), '--sharpness-every', '2']);
    assert.is(code, 2);
    assert.match(stderr, /--sharpness-every: expected --out DIR, for its metrics\.jsonl, got no --out/);
  }));

test('without --out nothing is written', () =>
  inTemporaryFolder(async (folder) => {
    const data = await writeRows(folder, randomRows(2, 4));
    const { adapter, status } = await finetuned('--data', data, '--method', 'lora', ...quick);
    assert.is(status, 'finished');
    assert.is(adapter, null);
    assert.equal(await readdir(folder), ['rows.jsonl']);
  }));

test('epochs are passes over the rows', () =>
  inTemporaryFolder(async (folder) => {
    const rows = randomRows(5, 5);
    const data = await writeRows(folder, rows);
    const options = ['--data', data, '--method', 'lora', '--rank', '2', '--lr', '1e-3', '--batch-size', '2'];
    const total = rows.reduce((sum, { input_ids }) => sum + input_ids.length, 0);
    const twice = await finetuned(...options, '--epochs', '2');
    assert.is(twice.steps, 5);
    assert.is(twice.tokens, 2 * total);
    assert.is((await finetuned(...options)).steps, 3);
  }));

test('progress goes to standard error, and --quiet silences it', () =>
  inTemporaryFolder(async (folder) => {
    const data = await writeRows(folder, randomRows(2, 6));
    const run = ['finetune', ...llama, '--data', data, '--method', 'lora', ...quick];
    const { stdout, stderr } = await commandLine(run);
    assert.match(stdout, /^finished after 3 steps: loss [\d.]+ -> [\d.]+\n$/);
    assert.match(
      stderr,
      /^a gradient of \d+ rows of \d+ tokens: about [\d.e-]+ GFLOP and [\d.]+ [MG]B of memory \([\d.]+ GB are free\)\nlora 1\/3 {2}loss [\d.]+ {2}rate [\de.-]+ {2}\d+ tokens\/s\n(lora [^\n]+\n){2}$/,
    );
    assert.is((await commandLine([...run, '--quiet'])).stderr, '');
  }));

test.run();
