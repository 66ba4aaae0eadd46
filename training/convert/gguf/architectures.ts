import { rotaryEntries, rotaryFieldsFor } from '../../models/rotaryFields.ts';
import type { Metadata } from './metadata.ts';
import { type RotaryPlaces, rotaryOf } from './rotary.ts';

/** What a config.json says, or a part of it. */
export type ConfigValues = Readonly<Record<string, unknown>>;

/** What the config of an architecture is made of. */
export interface ConfigSource extends RotaryPlaces {
  readonly metadata: Metadata;
  readonly sizes: Sizes;
  /** Whether the file has a tensor of this name. */
  has(tensor: string): boolean;
}

/** Sizes that every architecture has, under their names in config.json. */
export interface Sizes {
  readonly hidden_size: number;
  readonly intermediate_size: number;
  readonly num_hidden_layers: number;
  readonly num_attention_heads: number;
  readonly num_key_value_heads: number;
  readonly head_dim: number;
  readonly max_position_embeddings: number;
  readonly rms_norm_eps: number;
}

/** How llama.cpp keeps the models of one architecture, as against transformers. */
export interface Architecture {
  /** The fields of config.json beside sizes and tokens. Throws a LambdamaxError that names a field for what transformers has not. */
  config(source: ConfigSource): ConfigValues;
  /** Whether the rows of queries and keys stand in pairs that turn together, (2i, 2i+1), not as halves of a head. */
  readonly pairsRows: boolean;
  /** Whether the factors of norms are stored with 1 added. */
  readonly addsOneToNorms: boolean;
  /** The parts of a block that are called otherwise than Llama's, by their names in transformers. */
  readonly parts: Readonly<Record<string, string>>;
}

const qwen = { pairsRows: false, addsOneToNorms: false, parts: {} };

/** Architectures by their names in `general.architecture`. Mistral's models are among llama's. */
export const architectures: ReadonlyMap<string, Architecture> = new Map<string, Architecture>([
  ['llama', { pairsRows: true, addsOneToNorms: false, parts: {}, config: llama }],
  [
    'qwen2',
    {
      ...qwen,
      config: (source) => ({
        ...named('qwen2', 'Qwen2ForCausalLM'),
        ...rotaryFieldsFor(rotaryOf(source.metadata, 'qwen2', source)),
        ...{ hidden_act: 'silu', use_sliding_window: false },
      }),
    },
  ],
  [
    'qwen3',
    {
      ...qwen,
      config: (source) => ({
        ...named('qwen3', 'Qwen3ForCausalLM'),
        ...rotaryFieldsFor(rotaryOf(source.metadata, 'qwen3', source)),
        ...{ hidden_act: 'silu', use_sliding_window: false, attention_bias: source.has('blk.0.attn_q.bias') },
      }),
    },
  ],
  [
    'gemma3',
    {
      pairsRows: false,
      addsOneToNorms: true,
      parts: {
        post_attention_layernorm: 'post_attention_norm',
        pre_feedforward_layernorm: 'ffn_norm',
        post_feedforward_layernorm: 'post_ffw_norm',
      },
      config: gemma3,
    },
  ],
]);

function named(modelType: string, className: string): ConfigValues {
  return { architectures: [className], model_type: modelType, attention_dropout: 0 };
}

/** Mistral's models differ from Llama's by the window of some; where a file has none the two compute the same. */
function llama({ metadata, has, ...places }: ConfigSource): ConfigValues {
  const window = metadata.count('llama.attention.sliding_window', 0);
  // How the rows of q and k stand: the one way that llama.cpp knows.
  metadata.only('llama.tensor_data_layout', ['Meta AI original pth']);
  const shared = { ...rotaryFieldsFor(rotaryOf(metadata, 'llama', places)), hidden_act: 'silu' };
  if (window) return { ...named('mistral', 'MistralForCausalLM'), ...shared, sliding_window: window };
  const biases = { attention_bias: has('blk.0.attn_q.bias'), mlp_bias: has('blk.0.ffn_gate.bias') };
  return { ...named('llama', 'LlamaForCausalLM'), ...shared, ...biases };
}

/** llama.cpp has every sixth layer see all, and computes Gemma 3's largest model, that of 62 layers, with a scale of its own. */
function gemma3({ metadata, sizes, ...places }: ConfigSource): ConfigValues {
  const key = (name: string) => `gemma3.${name}`;
  for (const name of ['attn_logit_softcapping', 'final_logit_softcapping']) metadata.only(key(name), [0]);
  const full = rotaryOf(metadata, 'gemma3', places);
  const sliding = { theta: metadata.number(key('rope.freq_base_swa')) ?? 10_000, scaling: null };
  const pattern = metadata.count(key('attention.sliding_window_pattern')) ?? 6;
  return {
    ...named('gemma3_text', 'Gemma3ForCausalLM'),
    hidden_activation: 'gelu_pytorch_tanh',
    layer_types: Array.from({ length: sizes.num_hidden_layers }, (_, layer) =>
      (layer + 1) % pattern === 0 ? 'full_attention' : 'sliding_attention',
    ),
    query_pre_attn_scalar:
      sizes.num_hidden_layers === 62 ? sizes.hidden_size / sizes.num_attention_heads : sizes.head_dim,
    rope_parameters: { full_attention: rotaryEntries(full), sliding_attention: rotaryEntries(sliding) },
    // transformers before version 5 looks for them here.
    ...{ rope_theta: full.theta, rope_local_base_freq: sliding.theta },
    ...(full.scaling && { rope_scaling: { rope_type: full.scaling.type, factor: full.scaling.factor } }),
    sliding_window: metadata.required(key('attention.sliding_window'), (own) => metadata.count(own)),
  };
}
