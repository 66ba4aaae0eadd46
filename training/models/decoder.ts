import type * as tf from '@tensorflow/tfjs';
import type { TensorSpec } from '../../compute/index.ts';
import type { ConfigFile } from '../checkpoint/config.ts';
import type { WeightNames } from '../checkpoint/weightNames.ts';
import type { ConfigFields } from './configFields.ts';
import type { RotaryEmbedding } from './rotary.ts';

/** What every decoder's config.json says, whatever the family. */
export interface DecoderConfig {
  /** `model_type` of config.json: `llama`. */
  readonly modelType: string;
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly layers: number;
  /** The heads of every layer's keys and values. */
  readonly keyValueHeads: number;
  /** Entries of each head; even where a rotary embedding turns pairs of them. */
  readonly headSize: number;
  /** Whether the output projection is the embedding matrix. */
  readonly tieWordEmbeddings: boolean;
  readonly maxPositions: number;
  readonly bosTokenId: number | null;
  /** The first one where the file lists several. */
  readonly eosTokenId: number | null;
}

/** A linear layer that adapters may target: y = x W' + b, W [out, in]. */
export interface LinearModule {
  /** Name in the checkpoint, without `.weight`: `model.layers.0.self_attn.q_proj`. */
  readonly name: string;
  readonly out: number;
  readonly in: number;
  /** Whether there is a `.bias` [out]. */
  readonly bias: boolean;
  /** Whether the checkpoint stores W' [in, out], as GPT-2's Conv1D does. */
  readonly transposed: boolean;
}

/** A decoder as its config.json determines it: what its weights are, and how it computes. */
export interface Decoder extends WeightNames {
  readonly config: DecoderConfig;
  /** Every weight by its name in transformers, with its shape as stored there. */
  readonly weights: readonly TensorSpec[];
  /** Every linear layer but the output projection. */
  readonly modules: readonly LinearModule[];
  /** The weight [vocabulary, hidden] that turns hidden states into logits. */
  readonly outputName: string;
  /** How many positions there are embeddings for; absent if positions are not learned. */
  readonly learnedPositions?: number;
  /** Whether the class in transformers adds an embedding for each of `token_type_ids`. */
  readonly addsTokenTypes?: boolean;
  /** The last hidden states after the final norm, [rows * length, hidden]. */
  hiddenStates(context: DecoderContext): tf.Tensor2D;
}

/** A family of decoders: one file of `families/`, one class of transformers. */
export interface Family {
  /** `model_type` in config.json. */
  readonly modelType: string;
  /** The class in transformers. */
  readonly className: string;
  /** The fields of config.json that `decoder` knows. */
  readonly fields: ConfigFields;
  /** Throws a LambdamaxError that names the key for values that are wrong, or that would be computed wrongly. */
  decoder(config: ConfigFile): Decoder;
}

/** What a decoder is given while it is traced: weights and inputs, and all that has to do with where tokens stand. */
export interface DecoderContext extends Positions {
  readonly rows: number;
  readonly length: number;
  /** Token ids [rows, length], int32. */
  readonly inputIds: tf.Tensor;
  /** A weight of the checkpoint by its name. */
  weight(name: string): tf.Tensor;
  /** The linear layer called `module`, with its bias and its adapter if it has them: x [positions, in] to [positions, out]. */
  linear(x: tf.Tensor2D, module: string): tf.Tensor2D;
}

/** Where the tokens of a traced batch stand, and which of them see one another. */
export interface Positions {
  /** The rows of a table of learned positions [maximum, hidden] for the tokens, [length, hidden] or [rows, length, hidden]. */
  learned(table: tf.Tensor2D): tf.Tensor;
  /** Queries or keys [rows, heads, length, headSize], turned by their positions. */
  rotate(x: tf.Tensor4D, embedding: RotaryEmbedding): tf.Tensor4D;
  /**
   * Attention of `layer` over the tokens that each token sees: q [rows, heads, length, headSize], k and v [rows,
   * keyValueHeads, length, headSize], result [rows * length, heads * headSize].
   */
  attend(layer: number, q: tf.Tensor4D, k: tf.Tensor4D, v: tf.Tensor4D, options: AttendOptions): tf.Tensor2D;
}

export interface AttendOptions {
  /** The factor before q k'. */
  readonly scale: number;
  /** A token sees itself and window - 1 tokens before it; null: all before it. */
  readonly window: number | null;
}
