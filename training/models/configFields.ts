import { LambdamaxError } from '../../errors.ts';
import { type ConfigFile, requireValues } from '../checkpoint/config.ts';

/** What a family makes of the fields of its config.json. */
export interface ConfigFields {
  /** The fields that it computes with. */
  readonly used: readonly string[];
  /** Fields that it does not compute with, and the values under which there is nothing to compute: `is_causal` [true]. */
  readonly only?: Readonly<Record<string, readonly unknown[]>>;
}

/** Fields of every family that transformers computes with, but for these values. An empty list: no value at all. */
const only = {
  add_cross_attention: [false],
  auto_map: [],
  compression_config: [],
  is_causal: [true],
  is_encoder_decoder: [false],
  partial_rotary_factor: [1],
  per_layer_config: [],
  quantization_config: [],
  transformers_weights: [],
};

/** The share of values that training leaves out. Here it leaves out none; what a trained model computes is the same. */
const dropout = ['attention_dropout', 'attn_pdrop', 'embd_pdrop', 'resid_pdrop'];

/** Fields that say nothing of what a language model computes from tokens, by what they speak of. */
const harmless = [
  ...['architectures', 'model_type', 'name_or_path', 'transformers.js_config', 'is_llama_config', 'model_name'],
  // How numbers are held and passed, how memory is saved.
  ...['dtype', 'torch_dtype', 'use_cache', 'cache_implementation', 'gradient_checkpointing', 'pretraining_tp'],
  ...['attn_implementation', 'experts_implementation', 'use_bfloat16', 'torchscript', 'use_flash_attn', 'output_past'],
  ...['chunk_size_feed_forward', 'pruned_heads', 'reorder_and_upcast_attn', 'tie_encoder_decoder'],
  // How weights were drawn before training, or an embedding's gradient is cut.
  ...['initializer_range', 'initializer_factor', 'pad_token_id', 'n_ctx'],
  // What is handed out beside the logits.
  ...['return_dict', 'use_return_dict', 'output_hidden_states', 'output_attentions', 'output_scores'],
  ...['tie_last_hidden_states', 'return_dict_in_generate', 'keys_to_ignore_at_inference'],
  // Heads for other tasks.
  ...['id2label', 'label2id', 'num_labels', 'problem_type', 'finetuning_task', 'task_specific_params'],
  ...['summary_type', 'summary_use_proj', 'summary_activation', 'summary_proj_to_labels', 'summary_first_dropout'],
  ...['classifier_dropout', 'is_decoder', 'cross_attention_hidden_size'],
  // Text and its tokens.
  ...['tokenizer_class', 'prefix', 'sep_token_id', 'unk_token_id', 'decoder_start_token_id', 'model_max_length'],
  ...['vocab_size_original', 'processor_class'],
  // Generation, which has its own file and options.
  ...['max_length', 'max_new_tokens', 'min_length', 'do_sample', 'early_stopping', 'num_beams', 'num_beam_groups'],
  ...['temperature', 'top_k', 'top_p', 'min_p', 'typical_p', 'repetition_penalty', 'length_penalty'],
  ...['no_repeat_ngram_size', 'encoder_no_repeat_ngram_size', 'bad_words_ids', 'num_return_sequences'],
  ...['forced_bos_token_id', 'forced_eos_token_id', 'remove_invalid_values', 'exponential_decay_length_penalty'],
  ...['suppress_tokens', 'begin_suppress_tokens', 'epsilon_cutoff', 'eta_cutoff', 'diversity_penalty'],
  ...['encoder_repetition_penalty', 'num_assistant_tokens', 'num_assistant_tokens_schedule'],
  ...['assistant_confidence_threshold', 'assistant_lookbehind', 'target_lookbehind', 'tf_legacy_loss'],
];

/** Notes of a program to itself. */
const notes = /^_|^unsloth_|^transformers_version$/;

/** The fields that must have certain values: a family may compute with what the others do not. */
function conditionsOf({ used, only: own }: ConfigFields): Readonly<Record<string, readonly unknown[]>> {
  const general = Object.entries(only).filter(([field]) => !used.includes(field));
  return { ...Object.fromEntries(general), ...own };
}

/** What is done with a field: computed with, asked to be off, said, or passed over; null if it is not known. */
export function treatmentOf(field: string, family: ConfigFields): 'used' | 'only' | 'dropout' | 'harmless' | null {
  if (Object.hasOwn(conditionsOf(family), field)) return 'only';
  if (family.used.includes(field)) return 'used';
  if (dropout.includes(field)) return 'dropout';
  return harmless.includes(field) || notes.test(field) ? 'harmless' : null;
}

/**
 * Throws a LambdamaxError that names the field for one that is not known (unless it is null, false or empty) and for one
 * whose value a family would have to compute with and does not.
 */
export function requireKnownFields(config: ConfigFile, family: ConfigFields): void {
  requireValues(config, conditionsOf(family));
  for (const [field, value] of Object.entries(config.values))
    if (treatmentOf(field, family) === null && !isOff(value))
      throw new LambdamaxError({
        subject: `${field} in ${config.file}`,
        expected: 'a field that is known here',
        got: value,
        remedy: 'if it does not change what the model computes, take it out of a copy of the file',
      });
}

/** Nothing, in any of JSON's ways to say so. */
function isOff(value: unknown): boolean {
  if (value === null || value === undefined || value === false) return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}

/** The fields that ask for dropout in training, with their values. */
export function dropoutOf({ values }: ConfigFile): Readonly<Record<string, unknown>> {
  return Object.fromEntries(dropout.flatMap((field) => (values[field] ? [[field, values[field]]] : [])));
}
