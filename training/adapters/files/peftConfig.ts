import { z } from 'zod';
import { LambdamaxError } from '../../../errors.ts';
import { readJson } from '../../checkpoint/files.ts';
import { type PeftConfig, type PeftType, parse, patterns, positive } from '../../peft/config.ts';
import { type FieldRules, layerFields, requireKnownPeftFields } from '../../peft/fields.ts';
import type { PeftTargets } from '../../peft/targets.ts';
import { peftTypes } from '../index.ts';

const names = z.array(z.string());
const common = z.looseObject({
  r: z.int().min(1),
  target_modules: z.union([z.string(), names.min(1)]),
  exclude_modules: z.union([z.string(), names]).nullish(),
  layers_to_transform: z.union([z.int(), z.array(z.int())]).nullish(),
  layers_pattern: z.union([z.string(), names]).nullish(),
  modules_to_save: names.nullish(),
  fan_in_fan_out: z.boolean().nullish(),
  base_model_name_or_path: z.string().nullish(),
});

const own = z.looseObject({ alpha: positive, ...patterns });

/** What PEFT does not know, written as if it did. */
const ownType: PeftType = {
  type: 'LAMBDAMAX',
  fields: { alpha: 'used', alpha_pattern: 'used', rank_pattern: 'used' },
  tensors: /lambdamax_/,
  hasPatterns: true,
  read(raw, file) {
    const { alpha, rank_pattern, alpha_pattern } = parse(file, own, raw);
    return { kind: { type: 'LAMBDAMAX' }, alpha, rankPattern: rank_pattern ?? {}, alphaPattern: alpha_pattern ?? {} };
  },
  write: ({ alpha, rankPattern, alphaPattern }) => ({
    alpha,
    alpha_pattern: alphaPattern,
    rank_pattern: rankPattern,
  }),
};

const types = new Map<string, PeftType>([...peftTypes, ownType].map((one) => [one.type, one]));

/**
 * Every field of PEFT's configuration classes, by `peft_type`; `LAMBDAMAX` has PEFT's general ones. An exchange with PEFT
 * itself keeps the lists whole.
 */
export const peftFields: ReadonlyMap<string, FieldRules> = new Map(
  [...types].map(([type, { fields }]) => [type, { ...layerFields, ...fields }]),
);

/**
 * Reads an adapter_config.json. Throws a LambdamaxError that names the file and the field for a kind of adapter that is not
 * known, for a feature that would be computed wrongly, and for a field that is not known.
 */
export async function readPeftConfig(file: string): Promise<PeftConfig> {
  const raw = parse(file, z.looseObject({}), await readJson(file));
  const { peft_type: type, bias } = raw;
  const known = types.get(type as string);
  if (known === undefined) {
    const expected = peftTypes.map((one) => one.type).join(', ');
    throw new LambdamaxError({ subject: `peft_type in ${file}`, expected, got: type ?? 'none' });
  }
  requireKnownPeftFields(file, peftFields.get(known.type)!, raw);
  const biases = ['none', 'all', `${known.type.toLowerCase()}_only`];
  // PEFT writes some types in capitals here, and looks at the end alone.
  if (!biases.includes(String(bias ?? 'none').toLowerCase()))
    throw new LambdamaxError({ subject: `bias in ${file}`, expected: biases.join(', '), got: bias });
  const values = parse(file, common, raw);
  return {
    rank: values.r,
    ...targetsOf(values, file),
    fanInFanOut: values.fan_in_fan_out ?? false,
    baseModel: values.base_model_name_or_path ?? null,
    ...known.read(raw, file),
  };
}

function targetsOf(values: z.infer<typeof common>, file: string): PeftTargets {
  const { target_modules: targetModules, exclude_modules: exclude, layers_to_transform: layers } = values;
  const { layers_pattern: pattern, modules_to_save: saved } = values;
  if (typeof targetModules === 'string' && ((layers ?? null) !== null || (pattern ?? null) !== null)) {
    const expected = 'null beside target_modules that are a string, as in PEFT';
    throw new LambdamaxError({ subject: `layers_to_transform and layers_pattern in ${file}`, expected });
  }
  const layerList = typeof layers === 'number' ? [layers] : layers;
  return {
    targetModules,
    ...(exclude && exclude.length > 0 && { excludeModules: exclude }),
    ...(layerList && layerList.length > 0 && { layersToTransform: layerList }),
    ...(pattern && pattern.length > 0 && { layersPattern: typeof pattern === 'string' ? [pattern] : pattern }),
    ...(saved && saved.length > 0 && { modulesToSave: saved }),
  };
}

/** The contents of adapter_config.json that PEFT reads as this configuration. */
export function toPeftJson(config: PeftConfig): Record<string, unknown> {
  const type = types.get(config.kind.type)!;
  return {
    auto_mapping: null,
    base_model_name_or_path: config.baseModel,
    bias: 'none',
    ...(type.hasFanInFanOut !== false && { fan_in_fan_out: config.fanInFanOut }),
    inference_mode: true,
    layers_pattern: null,
    layers_to_transform: null,
    modules_to_save: config.modulesToSave ?? null,
    peft_type: config.kind.type,
    r: config.rank,
    revision: null,
    target_modules: config.targetModules,
    task_type: 'CAUSAL_LM',
    ...type.write(config),
  };
}
