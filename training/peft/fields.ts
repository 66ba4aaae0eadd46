import { LambdamaxError } from '../../errors.ts';

/**
 * What is done with a field of adapter_config.json. `used`: read, and refused where its value would be computed wrongly.
 * `harmless`: cannot change what a saved adapter computes. `refused`: changes it in a way that is not computed here, unless it
 * is off.
 */
export type FieldRule = 'used' | 'harmless' | 'refused';

type FieldRules = Readonly<Record<string, FieldRule>>;

/** The fields of every configuration of PEFT. */
const general: FieldRules = {
  // What wraps the model, for which task: the layers compute the same.
  auto_mapping: 'harmless',
  task_type: 'harmless',
  base_model_name_or_path: 'used',
  // The user says which base it is.
  revision: 'harmless',
  inference_mode: 'harmless',
  peft_type: 'used',
  peft_version: 'harmless',
};

/** The fields of every configuration that adapts linear layers. */
const layers: FieldRules = {
  ...general,
  // Which biases were trained; those that were lie in the file.
  bias: 'used',
  // PEFT sets it by the layer's class.
  fan_in_fan_out: 'used',
  layers_pattern: 'used',
  layers_to_transform: 'used',
  modules_to_save: 'used',
  r: 'used',
  target_modules: 'used',
};

/**
 * Every field of PEFT's configuration classes, by `peft_type`; `LAMBDAMAX` has PEFT's general ones. An exchange with PEFT itself
 * keeps the lists whole.
 */
export const peftFields = {
  LORA: {
    ...layers,
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
  GRALORA: {
    ...layers,
    alpha: 'used',
    gralora_dropout: 'harmless',
    gralora_k: 'used',
    hybrid_r: 'used',
    // Whether the values start from zero; those of the file take their place.
    init_weights: 'harmless',
  },
  RANDLORA: {
    ...layers,
    init_weights: 'harmless',
    // How the bases are drawn; those of the file take their place.
    projection_prng_key: 'harmless',
    sparse: 'harmless',
    very_sparse: 'harmless',
    randlora_alpha: 'used',
    randlora_dropout: 'harmless',
    save_projection: 'used',
  },
  VERA: {
    ...layers,
    d_initial: 'harmless',
    init_weights: 'harmless',
    projection_prng_key: 'harmless',
    save_projection: 'used',
    vera_dropout: 'harmless',
  },
  LAMBDAMAX: { ...layers, alpha: 'used', alpha_pattern: 'used', rank_pattern: 'used' },
} as const satisfies Readonly<Record<string, FieldRules>>;

/** Throws a LambdamaxError that names the file and the first field that is refused or not known, and is not off. */
export function requireKnownFields(file: string, rules: FieldRules, raw: Readonly<Record<string, unknown>>): void {
  for (const [key, value] of Object.entries(raw)) {
    const rule = Object.hasOwn(rules, key) ? rules[key] : undefined;
    if (rule === 'used' || rule === 'harmless' || isOff(value)) continue;
    throw new LambdamaxError({
      subject: `${key} in ${file}`,
      expected: 'null or false',
      got: value,
      remedy: rule === undefined ? 'this field is not known' : 'this feature of PEFT is not supported',
    });
  }
}

/** Null, false, or nothing in it. */
function isOff(value: unknown): boolean {
  if (value === null || value === undefined || value === false) return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}
