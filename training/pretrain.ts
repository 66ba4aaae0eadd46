import { join } from 'node:path';
import { type Backend, compile, type TensorSpec, type Vector, viewTensors } from '../compute/index.ts';
import { LambdamaxError } from '../errors.ts';
import { makeFolder } from './checkpoint/files.ts';
import { type TensorValues, writeSafetensors } from './checkpoint/safetensors.ts';
import { toBatch } from './data/batches.ts';
import { packTokens } from './data/packing.ts';
import type { TextTokenizer } from './data/tokenizer/tokenizer.ts';
import { MetricsWriter, type StepMetrics } from './finetune/metrics.ts';
import { traceCausalLoss } from './models/causal.ts';
import { llamaDecoder, writeLlamaConfig } from './models/families/llama.ts';
import { initialWeights } from './models/initialWeights.ts';
import type { RotaryConfig } from './models/rotaryConfig.ts';
import { clipGlobalNorm } from './optimizers/clipping.ts';
import { createOptimizer } from './optimizers/index.ts';
import { learningRateAt, warmupSteps } from './optimizers/schedules.ts';

/** How a base model is made. */
export interface PretrainOptions {
  readonly config: RotaryConfig;
  readonly tokenizer: TextTokenizer;
  /** Texts without end: documents are packed one after another, an end-of-text token behind each. */
  readonly documents: Iterator<string>;
  readonly steps: number;
  /** Rows of `length` tokens a step. */
  readonly batchSize: number;
  readonly length: number;
  readonly learningRate: number;
  readonly weightDecay: number;
  readonly seed: number;
  /** Writes the checkpoint every so many steps too; only at the end if not given. */
  readonly saveEvery?: number;
  readonly threads?: number;
  /** What computes; ONNX Runtime if not given. */
  readonly backend?: Backend;
  /** Gets config.json, model.safetensors, metrics.jsonl; tokenizer files are the caller's. */
  readonly out: string;
  readonly onStep?: (metrics: StepMetrics, steps: number) => void;
}

export interface PretrainResult {
  readonly steps: number;
  readonly tokens: number;
  readonly parameters: number;
  readonly initialLoss: number;
  /** The mean over the last 20 steps. */
  readonly finalLoss: number;
  readonly seconds: number;
}

/**
 * Trains a Llama from nothing on packed text: AdamW (0.9, 0.95), cosine schedule with 2 % warm-up, gradients clipped to
 * norm 1. The checkpoint is BF16, as released ones are. Throws a LambdamaxError if the loss stops being a number.
 */
export async function pretrain(options: PretrainOptions): Promise<PretrainResult> {
  const { config, batchSize, length, steps, learningRate, weightDecay, seed, threads = 0, out } = options;
  const started = performance.now();
  const decoder = llamaDecoder(config);
  const specs = decoder.weights;
  const parameters = initialWeights(decoder, seed);
  const optimizer = createOptimizer('adamw', specs, { betas: [0.9, 0.95], weightDecay });
  const schedule = { schedule: 'cosine', learningRate, steps, warmupSteps: warmupSteps(0.02, steps) } as const;
  const rows = packTokens(options.documents, options.tokenizer, length);
  await makeFolder(out);
  await using program = compile(
    traceCausalLoss(decoder, 'allWeights', { rows: batchSize, length, masked: false, packed: false }),
    {
      threads,
      ...(options.backend && { backend: options.backend }),
    },
  );
  using metrics = new MetricsWriter(join(out, 'metrics.jsonl'));

  const losses: number[] = [];
  for (let step = 0; step < steps; step++) {
    const batch = toBatch(
      Array.from({ length: batchSize }, () => rows.next().value!),
      { length },
    );
    const { value, gradient } = await program.gradient({ parameters }, batch.inputs);
    const gradientNorm = clipGlobalNorm(gradient, 1);
    for (const [what, number] of [
      ['loss', value],
      ['gradient norm', gradientNorm],
    ] as const)
      if (!Number.isFinite(number))
        throw new LambdamaxError({
          subject: `${what} at step ${step + 1}`,
          expected: 'a number',
          got: number,
          remedy: 'lower `learningRate`',
        });
    const rate = learningRateAt(step, schedule);
    optimizer.step(parameters, gradient, rate);
    losses.push(value);
    const line = {
      step: step + 1,
      loss: value,
      learningRate: rate,
      gradientNorm,
      tokens: batchSize * length,
      seconds: seconds(started),
    };
    metrics.write(line);
    options.onStep?.(line, steps);
    if (line.step === steps || line.step % (options.saveEvery ?? steps) === 0) {
      await writeLlamaConfig(out, config);
      await writeWeights(join(out, 'model.safetensors'), parameters, specs);
    }
  }

  const last = losses.slice(-20);
  return {
    steps,
    tokens: steps * batchSize * length,
    parameters: parameters.length,
    initialLoss: losses[0]!,
    finalLoss: last.reduce((sum, loss) => sum + loss, 0) / last.length,
    seconds: seconds(started),
  };
}

async function writeWeights(path: string, parameters: Vector, specs: readonly TensorSpec[]): Promise<void> {
  const tensors = new Map<string, TensorValues & { dtype: 'BF16' }>();
  for (const [name, values] of viewTensors(parameters, specs))
    tensors.set(name, { shape: specs.find((spec) => spec.name === name)!.shape, values, dtype: 'BF16' });
  await writeSafetensors(path, tensors, { format: 'pt' });
}

function seconds(started: number): number {
  return (performance.now() - started) / 1000;
}
