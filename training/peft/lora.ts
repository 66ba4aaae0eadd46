import { z } from 'zod';
import { type PeftType, parse, patterns, positive } from './config.ts';
import { repeatedInitialisation } from './initialisation.ts';

const flag = z.boolean().nullish();
const tokenId = z.int().min(0);

const lora = z.looseObject({
  lora_alpha: positive,
  use_rslora: flag,
  use_dora: flag,
  ...patterns,
  ensure_weight_tying: flag,
  trainable_token_indices: z.union([z.array(tokenId), z.record(z.string(), z.array(tokenId))]).nullish(),
});
/** PEFT's `LORA`: low-rank factors, with DoRA's magnitudes or without. */
export const loraType: PeftType = {
  type: 'LORA',
  tensors: /lora_(?!embedding_)/,
  hasPatterns: true,
  fields: {
    alora_invocation_tokens: 'refused',
    alpha_pattern: 'used',
    arrow_config: 'refused',
    // Settings of initialisations, which `init_lora_weights` names.
    corda_config: 'harmless',
    eva_config: 'harmless',
    loftq_config: 'harmless',
    lora_ga_config: 'harmless',
    ensure_weight_tying: 'used',
    exclude_modules: 'used',
    init_lora_weights: 'used',
    kasa_config: 'refused',
    layer_replication: 'refused',
    lora_alpha: 'used',
    lora_bias: 'refused',
    // Of training alone, as the others' dropout.
    lora_dropout: 'harmless',
    megatron_config: 'refused',
    // Not looked at without megatron_config.
    megatron_core: 'harmless',
    monteclora_config: 'refused',
    // Not looked at without use_qalora.
    qalora_group_size: 'harmless',
    rank_pattern: 'used',
    // Where it is computed.
    runtime_config: 'harmless',
    target_parameters: 'refused',
    trainable_token_indices: 'used',
    use_bdlora: 'refused',
    use_dora: 'used',
    use_qalora: 'refused',
    use_rslora: 'used',
    velora_config: 'refused',
  },
  read(raw, file) {
    const values = parse(file, lora, raw);
    const { use_dora: useDora, trainable_token_indices: tokens } = values;
    const initialisation = repeatedInitialisation(raw.init_lora_weights, file);
    return {
      kind: { type: 'LORA', useRslora: values.use_rslora ?? false, useDora: useDora ?? false },
      alpha: values.lora_alpha,
      rankPattern: values.rank_pattern ?? {},
      alphaPattern: values.alpha_pattern ?? {},
      ...(initialisation && { initialisation }),
      ...(values.ensure_weight_tying && { ensureWeightTying: true }),
      ...(tokens && Object.keys(tokens).length > 0 && { trainableTokens: tokens }),
    };
  },
  // The fields of PEFT 0.21's LoraConfig that every version of the last years knows.
  write: ({ kind, alpha, rankPattern, alphaPattern }) => ({
    alpha_pattern: alphaPattern,
    // Whatever the method was: otherwise PEFT would start its initialisation anew while loading.
    init_lora_weights: true,
    loftq_config: {},
    lora_alpha: alpha,
    lora_dropout: 0,
    megatron_config: null,
    megatron_core: 'megatron.core',
    rank_pattern: rankPattern,
    use_dora: kind.useDora,
    use_rslora: kind.useRslora,
  }),
};
