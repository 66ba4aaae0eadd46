import { engineDefaults } from '../compute/backends/executable.ts';
import {
  type Backend,
  backendNamed,
  compile,
  type Executable,
  emptyExecutable,
  type Graph,
  type Precision,
  type Program,
  transposed,
  type Vector,
} from '../compute/index.ts';
import { LambdamaxError } from '../errors.ts';
import { type Checkpoint, openCheckpoint } from './checkpoint/checkpoint.ts';
import { readConfigFile, withValues } from './checkpoint/config.ts';
import { hasOwnHead, knownName, underModelNames } from './checkpoint/weightNames.ts';
import type { TokenBatch } from './data/batches.ts';
import { loadTokenizer, type TextTokenizer } from './data/tokenizer/tokenizer.ts';
import { type AdapterLayout, adaptedWeights, layoutKey } from './layout/layout.ts';
import { type BatchShape, recordLogits, recordPositionLosses, shapeOf, traceCausalLoss } from './models/causal.ts';
import { dropoutOf } from './models/configFields.ts';
import type { Decoder, DecoderConfig, LinearModule } from './models/decoder.ts';
import { decoderOf } from './models/index.ts';

/** How a model computes. */
export interface ModelOptions {
  /** What adapters call their base model: a name on the hub, say; default the folder. */
  readonly name?: string;
  /** Default float32. */
  readonly precision?: Precision;
  /** Threads within one operation; 0 (the default) leaves it to the backend. */
  readonly threads?: number;
  /** What computes; ONNX Runtime if not given. */
  readonly backend?: Backend;
  /** What a user should know of the checkpoint, a sentence each; default none. */
  readonly notices?: readonly string[];
}

/**
 * The most that one linearised batch keeps between products, as far as values that are cheap to compute anew can be given up. For
 * 4 rows of 160 tokens of a model with 30 layers, products of 1.8 GB are as fast as those of 3.1, and linearising takes half the time.
 */
const mostKeptBytesOfABatch = 2e9;

/**
 * A checkpoint with the programs compiled for it so far. Programs depend on shapes alone, so that adapters of one layout
 * share them, whatever their method and values. Weights that an adapter may replace are fed; all others are read by the
 * backend from the checkpoint itself.
 */
export class Model {
  readonly checkpoint: Checkpoint;
  readonly decoder: Decoder;
  readonly name: string;
  readonly precision: Precision;
  readonly threads: number;
  readonly backend: Backend;
  /** What a user should know of the checkpoint, a sentence each. */
  readonly notices: readonly string[];
  readonly #programs = new Map<string, Program>();
  readonly #executables = new Map<string, Promise<Executable>>();
  readonly #weights = new Map<string, Promise<Vector>>();
  #tokenizer: Promise<TextTokenizer> | undefined;

  constructor(
    checkpoint: Checkpoint,
    decoder: Decoder,
    {
      name = checkpoint.directory,
      precision = engineDefaults.precision,
      threads = engineDefaults.threads,
      backend = backendNamed(engineDefaults.backend),
      notices = [],
    }: ModelOptions = {},
  ) {
    this.checkpoint = checkpoint;
    this.decoder = decoder;
    this.name = name;
    this.precision = precision;
    this.threads = threads;
    this.backend = backend;
    this.notices = notices;
  }

  get config(): DecoderConfig {
    return this.decoder.config;
  }

  /** The checkpoint's tokenizer. Throws a LambdamaxError if it has none. */
  tokenizer(): Promise<TextTokenizer> {
    this.#tokenizer ??= loadTokenizer(this.checkpoint.directory);
    return this.#tokenizer;
  }

  /** The values of a frozen weight, read once. */
  weight(name: string): Promise<Vector> {
    const known = this.#weights.get(name) ?? this.checkpoint.read(name, this.precision);
    this.#weights.set(name, known);
    return known;
  }

  /** A linear layer that adapters may target. Throws a LambdamaxError if there is none of this name. */
  module(name: string): LinearModule {
    const module = this.decoder.modules.find((one) => one.name === name);
    if (module !== undefined) return module;
    const subject = `module ${name}`;
    throw new LambdamaxError({ subject, expected: `a linear layer of ${this.checkpoint.directory}`, got: 'none' });
  }

  /**
   * The linear layer that a file's name stands for, which may have the base prefix (`model.`, `transformer.`) or lack it;
   * undefined if there is none.
   */
  moduleNamed(name: string): LinearModule | undefined {
    const modules = new Map(this.decoder.modules.map((module) => [module.name, module]));
    const known = knownName(name, modules, this.decoder);
    return known === undefined ? undefined : modules.get(known);
  }

  /** The matrix W [out, in] of a linear layer in float64, whichever way the checkpoint stores it. */
  async matrix(module: LinearModule): Promise<Float64Array> {
    return this.turned(module, await this.weight(`${module.name}.weight`));
  }

  /** A matrix as the checkpoint stores it as [out, in], in float64. */
  turned(module: LinearModule, stored: Vector): Float64Array {
    const values = new Float64Array(stored);
    return module.transposed ? transposed(values, module.in, module.out) : values;
  }

  /** A matrix W [out, in] as the checkpoint would store it in the model's precision, to be fed in the place of its own. */
  stored(module: LinearModule, matrix: Vector): Vector {
    const values = module.transposed ? transposed(new Float64Array(matrix), module.out, module.in) : matrix;
    const Precise = this.precision === 'float64' ? Float64Array : Float32Array;
    return values instanceof Precise ? values : new Precise(values);
  }

  /** Loss, gradient and Hessian in an adapter's tensors, for batches of this shape. */
  program(layout: AdapterLayout, batch: TokenBatch): Program {
    const shape = shapeOf(batch);
    const key = keyOf(layout, shape);
    const known = this.#programs.get(key);
    if (known !== undefined) return known;
    const program = compile(traceCausalLoss(this.decoder, layout, shape), {
      precision: this.precision,
      weights: this.checkpoint,
      replaceable: adaptedWeights(layout),
      threads: this.threads,
      backend: this.backend,
      mostKeptBytes: mostKeptBytesOfABatch,
    });
    this.#programs.set(key, program);
    return program;
  }

  /** The cross-entropy of every position, for batches of this shape, and greedy decoding's tokens if they are asked for. */
  positionLosses(layout: AdapterLayout, batch: TokenBatch, withGreedy = false): Promise<Executable> {
    const shape = shapeOf(batch);
    return this.compiled(`losses${withGreedy ? ' and greedy' : ''} ${keyOf(layout, shape)}`, layout, () =>
      recordPositionLosses(this.decoder, layout, shape, withGreedy),
    );
  }

  /** The logits of every position, for batches of this shape. */
  logits(layout: AdapterLayout, batch: TokenBatch): Promise<Executable> {
    const shape = shapeOf(batch);
    return this.compiled(`logits ${keyOf(layout, shape)}`, layout, () => recordLogits(this.decoder, layout, shape));
  }

  /** A graph of the model with adapters of this layout, compiled once for all that it is asked for under the same key. */
  compiled(key: string, layout: AdapterLayout, graph: () => Graph): Promise<Executable> {
    const known = this.#executables.get(key);
    if (known !== undefined) return known;
    const recorded = graph();
    const executable =
      recorded.outputs.size === 0
        ? Promise.resolve(emptyExecutable)
        : this.backend.compile(recorded, {
            precision: this.precision,
            weights: this.checkpoint,
            fed: new Set(adaptedWeights(layout)),
            threads: this.threads,
          });
    this.#executables.set(key, executable);
    return executable;
  }

  /** Frees every session and closes the checkpoint. */
  async release(): Promise<void> {
    const programs = [...this.#programs.values()];
    const executables = [...this.#executables.values()];
    this.#programs.clear();
    this.#executables.clear();
    this.#weights.clear();
    try {
      for (const program of programs) await program.release();
      for (const executable of await Promise.allSettled(executables))
        if (executable.status === 'fulfilled') await executable.value.release();
    } finally {
      await this.checkpoint.close();
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }
}

/**
 * Opens a Hugging Face checkpoint folder. Throws a LambdamaxError that names the file for a missing or broken one, and for
 * an architecture that is not known, and the tensor whose shape is not what config.json says.
 */
export async function loadModel(directory: string, options: ModelOptions = {}): Promise<Model> {
  const config = await readConfigFile(directory);
  const described = decoderOf(config);
  const stored = await openCheckpoint(directory);
  try {
    const notices: string[] = [];
    const isUntied = described.config.tieWordEmbeddings && (await hasOwnHead(stored, described));
    const decoder = isUntied ? decoderOf(withValues(config, { tie_word_embeddings: false })) : described;
    if (isUntied)
      notices.push(
        `${config.file} ties the output projection to the embedding matrix, but ${decoder.headName} has other values: it is used, as transformers does`,
      );
    const { checkpoint, unused } = await underModelNames(stored, decoder);
    const dropout = Object.entries(dropoutOf(config)).map(([field, share]) => `${field} ${share}`);
    if (dropout.length > 0)
      notices.push(`${config.file} asks for dropout (${dropout.join(', ')}): training here has none`);
    if (unused.length > 0) notices.push(`not used, in ${directory}: ${listed(unused)}`);
    requireShapes(checkpoint, decoder);
    return new Model(checkpoint, decoder, { ...options, notices });
  } catch (error) {
    await stored.close();
    throw error;
  }
}

/** The first few of many names. */
function listed(names: readonly string[]): string {
  return names.length > 4 ? `${names.slice(0, 3).join(', ')} and ${names.length - 3} more tensors` : names.join(', ');
}

function requireShapes(checkpoint: Checkpoint, { weights }: Decoder): void {
  for (const { name, shape } of weights) {
    // Also of another dtype than floating-point numbers have, which a quantised checkpoint would be decoded from wrongly.
    const { shape: got } = checkpoint.locate(name);
    if (got.join() === shape.join()) continue;
    throw new LambdamaxError({
      subject: `tensor ${name} in ${checkpoint.directory}`,
      expected: `shape [${shape.join(', ')}], as config.json says`,
      got: `[${got.join(', ')}]`,
    });
  }
}

function keyOf(layout: AdapterLayout, shape: BatchShape): string {
  return `${JSON.stringify(shape)} ${layoutKey(layout)}`;
}
