import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { randomStream } from '../../compute/random.ts';
import { resultOf } from '../oracles/commands.ts';
import { ggufBytes, tinyGguf } from './ggufBytes.ts';
import { tinyStudy } from './tinyStudy.ts';
import { randomRows, referencePath, writeRows } from './tokenFiles.ts';

/** A command in its smallest useful form. */
export interface SmallCommand {
  readonly name: string;
  /** The command line that writes into the folder `out`, which is there, and nowhere else. */
  argv(out: string): readonly string[];
  /** Puts what the command changes in place into `out`. */
  prepare?(out: string): Promise<void>;
}

/** All commands that compute or write, on inputs that are put into `folder`: seconds each. */
export async function everyCommand(folder: string): Promise<SmallCommand[]> {
  const model = ['--model', referencePath('models/llama'), '--threads', '1'];
  const data = ['--data', await writeRows(folder, randomRows(6, 1), 'rows.jsonl'), '--batch-size', '3'];
  const lora = ['--method', 'lora', '--rank', '2'];
  const study = join(folder, 'study');
  const run = join(folder, 'run');
  const checkpoint = join(folder, 'llama2c.bin');
  await resultOf(...(await tinyStudy(folder, ['--study', study])));
  const train = ['finetune', ...model, ...data, ...lora, '--lr', '1e-3', '--steps', '3'];
  await resultOf(...train, '--out', run);
  await writeFile(checkpoint, llama2cBytes());
  const gguf = join(folder, 'tiny.gguf');
  await writeFile(gguf, ggufBytes(tinyGguf('llama')));
  const small = ['--hidden', '16', '--layers', '1', '--heads', '2', '--key-value-heads', '2', '--intermediate', '16'];
  const quickSpectrum = ['--tolerance', '0.2'];
  const studyArguments = await tinyStudy(folder);
  const studyIn = async (out: string): Promise<void> => cp(study, join(out, 'study'), { recursive: true });
  return [
    { name: 'evaluate', argv: () => ['evaluate', ...model, ...data] },
    { name: 'finetune', argv: (out) => [...train, '--save-every', '2', '--out', join(out, 'run')] },
    {
      name: 'spectrum',
      argv: (out) => ['spectrum', ...model, ...data, ...lora, ...quickSpectrum, '--html', join(out, 'spectrum.html')],
    },
    {
      name: 'spectrum, two workers',
      argv: () => ['spectrum', ...model, ...data, ...lora, ...quickSpectrum, '--batch-size', '2', '--workers', '2'],
    },
    {
      name: 'study, two workers',
      argv: (out) => [...studyArguments, '--workers', '2', '--study', join(out, 'study')],
    },
    { name: 'predict', argv: (out) => ['predict', '--study', join(out, 'study')], prepare: studyIn },
    { name: 'report', argv: (out) => ['report', '--study', study, '--out', join(out, 'report.html')] },
    {
      name: 'figure',
      argv: (out) => ['figure', '--study', study, '--name', 'sweep-curve', '--out', join(out, 'figure.json')],
    },
    {
      name: 'recommend',
      argv: () => ['recommend', ...model, ...data, ...lora, '--steps', '20', '--by', 'curvature'],
    },
    { name: 'generate', argv: () => ['generate', '--prompt', 'Once', '--max-new-tokens', '3', '--threads', '1'] },
    {
      name: 'merge',
      argv: (out) => ['merge', ...model.slice(0, 2), '--adapter', join(run, 'adapter'), '--out', join(out, 'merged')],
    },
    {
      name: 'pretrain',
      argv: (out) => [
        ...['pretrain', '--steps', '2', '--batch-size', '2', '--length', '16', '--vocabulary', '300', '--threads', '1'],
        ...small,
        ...['--out', join(out, 'base')],
      ],
    },
    { name: 'convert', argv: (out) => ['convert', checkpoint, '--out', join(out, 'converted')] },
    { name: 'convert, GGUF', argv: (out) => ['convert', gguf, '--out', join(out, 'converted')] },
    { name: 'data', argv: (out) => ['data', '--count', '20', '--out', join(out, 'data.jsonl')] },
    { name: 'doctor', argv: () => ['doctor'] },
  ];
}

/** A llama2.c checkpoint of version 0 with random weights, whose output projection is the embedding. */
function llama2cBytes(): Uint8Array {
  const [dim, hidden, layers, heads, vocabulary, length] = [16, 12, 1, 2, 40, 8];
  const attention = 4 * dim * dim;
  const entries = vocabulary * dim + layers * (2 * dim + attention + 3 * dim * hidden) + dim + length * (dim / heads);
  const random = randomStream(0, 'llama2c');
  const header = Int32Array.of(dim, hidden, layers, heads, heads, vocabulary, length);
  const weights = Float32Array.from({ length: entries }, () => 0.1 * random.normal());
  return Buffer.concat([Buffer.from(header.buffer), Buffer.from(weights.buffer)]);
}
