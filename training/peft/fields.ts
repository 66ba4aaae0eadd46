import { LambdamaxError } from '../../errors.ts';

/**
 * What is done with a field of adapter_config.json. `used`: read, and refused where its value would be computed wrongly.
 * `harmless`: cannot change what a saved adapter computes. `refused`: changes it in a way that is not computed here, unless it
 * is off.
 */
export type FieldRule = 'used' | 'harmless' | 'refused';

/** What is done with each field, by its name. */
export type FieldRules = Readonly<Record<string, FieldRule>>;

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
export const layerFields: FieldRules = {
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

/** Throws a LambdamaxError that names the file and the first field that is refused or not known, and is not off. */
export function requireKnownPeftFields(file: string, rules: FieldRules, raw: Readonly<Record<string, unknown>>): void {
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
