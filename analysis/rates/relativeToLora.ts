import { quantile } from '../../numerics/statistics.ts';

/** The part of a spectrum that a comparison needs. */
export interface ComparedSpectrum {
  readonly lambdaMax: { readonly value: number };
  readonly modules?: readonly { readonly name: string; readonly lambdaMax: number }[] | undefined;
}

/** One method's lambda_max over vanilla LoRA's: of the whole adapter and, where modules were measured, of each. */
export interface RelativeToLora {
  /** Null where either is not positive. */
  readonly whole: number | null;
  /** In the order of the modules; left out where either lambda_max is not positive. */
  readonly modules?: readonly { readonly name: string; readonly ratio: number }[];
  /** Over the modules; absent without any. */
  readonly quartiles?: Quartiles;
}

/** How ratios are distributed. */
export interface Quartiles {
  readonly smallest: number;
  readonly first: number;
  readonly median: number;
  readonly third: number;
  readonly largest: number;
}

/** Sets a method's spectrum against vanilla LoRA's, module by module: Lee et al. 2026, arXiv 2602.04998, figure C3. */
export function relativeToLora(spectrum: ComparedSpectrum, lora: ComparedSpectrum): RelativeToLora {
  const whole = ratioOf(spectrum.lambdaMax.value, lora.lambdaMax.value);
  if (spectrum.modules === undefined) return { whole };
  const own = new Map(lora.modules?.map(({ name, lambdaMax }) => [name, lambdaMax]));
  const modules = spectrum.modules.flatMap(({ name, lambdaMax }) => {
    const ratio = ratioOf(lambdaMax, own.get(name) ?? Number.NaN);
    return ratio === null ? [] : [{ name, ratio }];
  });
  return { whole, modules, ...(modules.length > 0 && { quartiles: quartilesOf(modules.map(({ ratio }) => ratio)) }) };
}

function ratioOf(value: number, reference: number): number | null {
  return value > 0 && reference > 0 ? value / reference : null;
}

function quartilesOf(values: readonly number[]): Quartiles {
  const at = (fraction: number): number => quantile(values, fraction);
  return { smallest: at(0), first: at(0.25), median: at(0.5), third: at(0.75), largest: at(1) };
}
