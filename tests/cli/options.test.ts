import { existsSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Arguments, OptionGroup } from '../../cli/command.ts';
import { adapterOptions, parseAdapter } from '../../cli/options/adapterOptions.ts';
import {
  dataOptions,
  engineOptions,
  modelOptions,
  modulesOption,
  parseData,
  parseEngine,
  parseModel,
  parseModules,
} from '../../cli/options/options.ts';
import { learningRateOption, parseLearningRate, parseTraining, trainingOptions } from '../../cli/options/runOptions.ts';
import { parseSweep, sweepOptions } from '../../cli/options/sweepOptions.ts';
import { packageRoot } from '../../training/package.ts';
import { parsedWith } from '../cases/commandLine.ts';

type Parse = (args: Arguments) => unknown;

const accepted: readonly (readonly [options: OptionGroup, parse: Parse, argv: string, value: unknown])[] = [
  [adapterOptions, parseAdapter, '', { rank: 8, alpha: 16, targetModules: 'all-linear' }],
  [
    adapterOptions,
    parseAdapter,
    '--method pissa --rank 4 --alpha 0.5 --target-modules .*(q|v)_proj --init-seed 3',
    { method: 'pissa', rank: 4, alpha: 0.5, targetModules: '.*(q|v)_proj', initSeed: 3 },
  ],
  [
    adapterOptions,
    parseAdapter,
    '--rank-pattern down_proj=4,layers.0.mlp=2 --alpha-pattern down_proj=0.5',
    {
      ...{ rank: 8, alpha: 16, targetModules: 'all-linear' },
      rankPattern: { down_proj: 4, 'layers.0.mlp': 2 },
      alphaPattern: { down_proj: 0.5 },
    },
  ],
  // The file says how to compute with an adapter that it was made with.
  [
    adapterOptions,
    parseAdapter,
    '--adapter run --method ./mine.ts',
    { adapter: 'run', method: './mine.ts', rank: 8, alpha: 16, targetModules: 'all-linear' },
  ],
  [dataOptions, parseData, '', { task: 'math', maxLength: 512, batchSize: 8, seed: 0, trainOn: 'last' }],
  [
    dataOptions,
    parseData,
    '--data a.jsonl,b.json --limit 7 --prompt-field q --response-field a --max-length 64 --batch-size 2 --seed 5',
    {
      data: ['a.jsonl', 'b.json'],
      limit: 7,
      promptField: 'q',
      responseField: 'a',
      maxLength: 64,
      batchSize: 2,
      seed: 5,
      trainOn: 'last',
    },
  ],
  [
    trainingOptions,
    parseTraining,
    '',
    {
      epochs: 1,
      warmupRatio: 0.03,
      optimizer: 'adamw',
      schedule: 'cosine',
      shuffle: true,
    },
  ],
  [
    trainingOptions,
    parseTraining,
    '--steps 30 --warmup-steps 0 --optimizer sgd --momentum 0.9 --betas 0.8,0.99 --eps 1E-6 --weight-decay .1 ' +
      '--schedule linear --no-shuffle --max-grad-norm 1 --validation v.jsonl',
    {
      steps: 30,
      warmupSteps: 0,
      maxGradNorm: 1,
      validation: ['v.jsonl'],
      optimizer: 'sgd',
      betas: [0.8, 0.99],
      eps: 1e-6,
      weightDecay: 0.1,
      momentum: 0.9,
      schedule: 'linear',
      shuffle: false,
    },
  ],
  [engineOptions, parseEngine, '', { precision: 'float32', backend: 'onnx', threads: 0 }],
  [
    engineOptions,
    parseEngine,
    '--precision float64 --threads 2',
    { precision: 'float64', backend: 'onnx', threads: 2 },
  ],
  [engineOptions, parseEngine, '--backend wasm', { precision: 'float32', backend: 'wasm', threads: 0 }],
  [learningRateOption, parseLearningRate, '--lr 2e-5', 2e-5],
  [learningRateOption, parseLearningRate, '--lr 1 --lr 2e-4', 2e-4],
  [modulesOption, parseModules, '--modules layers\\.0\\..*', 'layers\\.0\\..*'],
  [
    sweepOptions,
    parseSweep,
    '--lr 1e-3,1e-4 --methods pissa,lora,pissa --seeds 2 --seeds-near-best 2 --no-extend --refine 0 --study runs/a',
    {
      study: 'runs/a',
      methods: ['pissa', 'lora'],
      grid: [1e-4, 1e-3],
      seeds: [0, 1],
      seedsNearBest: 2,
      mostRates: 0,
      refinements: 0,
    },
  ],
];
for (const [options, parse, argv, expected] of accepted) {
  test(`accepted: ${Object.keys(options)[0]} with ${argv || 'nothing'}`, async () => {
    const { value, code, stderr } = await parsedWith(options, parse, ...argv.split(' ').filter(Boolean));
    assert.is(stderr, '');
    assert.is(code, 0);
    assert.equal(value, expected);
  });
}

const refused: readonly (readonly [options: OptionGroup, parse: Parse, argv: string, message: RegExp])[] = [
  [adapterOptions, parseAdapter, '--rank 0', /^lambdamax: --rank: expected a whole number >= 1, got 0;/],
  [adapterOptions, parseAdapter, '--rank 2.5', /--rank: .* got 2\.5/],
  [adapterOptions, parseAdapter, '--rank eight', /--rank: .* got eight/],
  [adapterOptions, parseAdapter, '--rank 0x8', /--rank: .* got 0x8/],
  [adapterOptions, parseAdapter, '--rank=', /--rank: expected a value/],
  [adapterOptions, parseAdapter, '--rank', /rank/],
  [adapterOptions, parseAdapter, '--alpha -1', /--alpha: expected a number > 0, got -1/],
  [adapterOptions, parseAdapter, '--alpha NaN', /--alpha: .* got NaN/],
  [adapterOptions, parseAdapter, '--alpha 1e999', /--alpha: .* got 1e999/],
  [adapterOptions, parseAdapter, '--target-modules (q', /--target-modules: expected a regular expression/],
  ...['--rank 4', '--alpha 8', '--target-modules q_proj', '--init-seed 1', '--rank-pattern q=2'].map(
    (size) =>
      [
        adapterOptions,
        parseAdapter,
        `--adapter a ${size}`,
        /--[a-z-]+ beside --adapter: expected one of them/,
      ] as const,
  ),
  [adapterOptions, parseAdapter, '--rank-pattern q_proj', /--rank-pattern: expected NAME=X, .* got q_proj/],
  [adapterOptions, parseAdapter, '--rank-pattern q_proj=0', /--rank-pattern: expected a whole number >= 1, got 0/],
  [adapterOptions, parseAdapter, '--adapter a --method lora', /--adapter and --method: expected one of them/],
  [dataOptions, parseData, '--data a.jsonl,,b.jsonl', /--data: /],
  [dataOptions, parseData, '--prompt-field q', /--prompt-field: expected --data beside it, got none/],
  [dataOptions, parseData, '--max-length 1', /--max-length: expected a whole number >= 2/],
  [dataOptions, parseData, '--seed -1', /--seed: .* got -1/],
  [dataOptions, parseData, '--template {q} --prompt-field q', /--template and --prompt-field/],
  [trainingOptions, parseTraining, '--steps 3 --epochs 1', /--steps and --epochs: expected one of them, got both/],
  [trainingOptions, parseTraining, '--warmup-steps 3 --warmup-ratio 0.1', /--warmup-steps and --warmup-ratio/],
  [trainingOptions, parseTraining, '--warmup-ratio 1.1', /--warmup-ratio: expected a number >= 0 and <= 1/],
  [trainingOptions, parseTraining, '--betas 0.9', /--betas: expected two numbers/],
  [trainingOptions, parseTraining, '--betas 0.9,1', /--betas: expected a number >= 0 and < 1, got 1/],
  [trainingOptions, parseTraining, '--optimizer rmsprop', /--optimizer: expected one of .*adamw.*, got rmsprop/],
  [trainingOptions, parseTraining, '--schedule step', /--schedule: expected one of constant, cosine, linear/],
  [engineOptions, parseEngine, '--backend cuda', /--backend: expected one of onnx, tensorflow, wasm, got cuda/],
  [
    engineOptions,
    parseEngine,
    '--backend wasm --precision float64',
    /--precision: expected float32, the only one of --backend wasm, got float64/,
  ],
  [engineOptions, parseEngine, '--precision float16', /--precision: expected one of float32, float64, got float16/],
  [learningRateOption, parseLearningRate, '', /--lr: expected a value, got none/],
  [learningRateOption, parseLearningRate, '--lr -1e-3', /--lr: expected a number > 0, got -1e-3/],
  [learningRateOption, parseLearningRate, '--lr 1e-3,2e-3', /--lr: /],
  [modulesOption, parseModules, '--modules [', /--modules: expected a regular expression/],
  [sweepOptions, parseSweep, '--lr -1e-3', /--lr: expected learning rates .* got -0\.001/],
  [sweepOptions, parseSweep, '--lr 1e-3,-2e-3', /--lr: expected learning rates .* got -0\.002/],
  [sweepOptions, parseSweep, '--lr import({})', /--lr: /],
  [sweepOptions, parseSweep, '--seeds 0', /--seeds: /],
];
for (const [options, parse, argv, message] of refused) {
  test(`refused: ${argv || `${Object.keys(options)[0]} missing`}`, async () => {
    const { value, code, stderr, stdout } = await parsedWith(options, parse, ...argv.split(' ').filter(Boolean));
    assert.is(value, undefined);
    assert.is(code, 2);
    assert.match(stderr, message);
    assert.match(stderr, /(; try|\?) 'lambdamax try --help'( lists all)?\n$/);
    assert.is(stderr.split('\n').length, 2, 'one line');
    assert.is(stdout, '');
  });
}

test('white space at the end of a template is kept', async () => {
  const { value } = await parsedWith(dataOptions, parseData, '--template', 'Q: {q}\nA: ');
  assert.is(value?.template, 'Q: {q}\nA: ');
});

test('without --model it is the bundled one, inside the package', async () => {
  const { value } = await parsedWith(modelOptions, parseModel);
  assert.ok(value?.model.startsWith(packageRoot()));
  assert.ok(existsSync(packageRoot()));
  assert.equal((await parsedWith(modelOptions, parseModel, '--model', 'dir')).value, { model: 'dir' });
});

test('further seeds follow --seed', async () => {
  const { value } = await parsedWith({ ...sweepOptions, ...dataOptions }, parseSweep, '--seed', '4', '--seeds', '3');
  assert.equal(value?.seeds, [4, 5, 6]);
  assert.ok(value!.grid.length > 2);
});

test.run();
