import { ArgumentError } from '../../errors.ts';
import type { PeftKind } from '../peft/config.ts';
import type { AdapterMethod, NamedForm, PeftTypeOfForms } from './method.ts';
import { corda } from './methods/corda.ts';
import { dora } from './methods/dora.ts';
import { eva } from './methods/eva.ts';
import { full } from './methods/full.ts';
import { gralora } from './methods/gralora.ts';
import { initAb } from './methods/initAb.ts';
import { lora } from './methods/lora.ts';
import { loraGa } from './methods/loraGa.ts';
import { milora } from './methods/milora.ts';
import { miss } from './methods/miss.ts';
import { olora } from './methods/olora.ts';
import { orthogonal } from './methods/orthogonal.ts';
import { pissa } from './methods/pissa.ts';
import { randlora } from './methods/randlora.ts';
import { rslora } from './methods/rslora.ts';
import { vera } from './methods/vera.ts';
import { Settings } from './settings.ts';

/** All LoRA variants, sorted by name, each a method or a function that makes one of settings; a new one is a file and a line. */
const registry: Readonly<Record<string, AdapterMethod | ((settings: Settings) => AdapterMethod)>> = {
  corda,
  dora,
  eva,
  full,
  gralora,
  'init-ab': initAb,
  lora,
  'lora-ga': loraGa,
  milora,
  miss,
  olora,
  orthogonal,
  pissa,
  randlora,
  rslora,
  vera,
};

/** Other names of some settings. */
const presets: Readonly<Record<string, string>> = {
  'corda-kpm': 'corda:mode=kpm',
  'eva-rho2': 'eva:rho=2',
  'lora-ga-peft': 'lora-ga:as=peft',
  'pissa-fast': 'pissa:niter=16',
};

/** All LoRA variants with their usual settings, sorted by name. */
export const adapterMethods: readonly AdapterMethod[] = Object.keys(registry).map((name) => adapterMethod(name));

/**
 * The variant called `name`, with settings behind it if it takes any: `lora-ga:direction=ArBr`. Its name is what was given.
 * `field` is what an error says it was given as.
 *
 * @throws ArgumentError that lists the known names, or names the setting that is wrong.
 */
export function adapterMethod(name: string, field = 'method'): AdapterMethod {
  const [, base, rest] = /^([^:]*):?(.*)$/s.exec(Object.hasOwn(presets, name) ? presets[name]! : name)!;
  if (!Object.hasOwn(registry, base!)) {
    const choices = Object.keys(registry);
    throw new ArgumentError({
      subject: field,
      expected: `one of ${choices.join(', ')}, or ./FILE.ts`,
      got: name,
      choices,
    });
  }
  const made = registry[base!]!;
  const settings = new Settings(base!, rest);
  const method = typeof made === 'function' ? made(settings) : made;
  settings.finish();
  return { ...method, name };
}

/** The variant of that name, with settings behind it if it takes any; undefined for a name that is not known. */
export function knownMethod(name: string): AdapterMethod | undefined {
  return Object.hasOwn(registry, name.split(':')[0]!) || Object.hasOwn(presets, name) ? adapterMethod(name) : undefined;
}

/** Every `peft_type` that adapters are read and written as. */
export const peftTypes: readonly PeftTypeOfForms[] = [...new Set(adapterMethods.flatMap(({ peft }) => peft ?? []))];

/** The form that computes as PEFT does with an adapter of this kind; undefined for a type that PEFT does not have. */
export function formOfKind(kind: PeftKind): NamedForm | undefined {
  return peftTypes.find(({ type }) => type === kind.type)?.formOf(kind);
}
