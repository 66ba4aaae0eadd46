import type { RelativeToLora } from '../../analysis/rates/relativeToLora.ts';
import type { Output } from './output.ts';
import { bar } from './spectrumBars.ts';
import type { MeasuredSpectrum } from './spectrumWords.ts';

/** A method's spectrum beside vanilla LoRA's. */
export type SpectrumBesideLora = MeasuredSpectrum & { readonly relativeToLora: RelativeToLora };

/** lambda_max of each method, and its distribution over modules relative to LoRA's; bars are logarithmic. */
export function comparisonLines(compared: readonly SpectrumBesideLora[], output: Output): string[] {
  const medians = compared.map(({ relativeToLora: { whole, quartiles } }) => quartiles?.median ?? whole ?? Number.NaN);
  const logs = medians.filter((median) => median > 0).map(Math.log);
  const [low, high] = [Math.min(0, ...logs), Math.max(0, ...logs)];
  const rows = compared.map(({ method, lambdaMax, relativeToLora: { whole, quartiles } }, index) => [
    method,
    lambdaMax.value,
    lambdaMax.standardError,
    whole,
    ...(quartiles
      ? [quartiles.smallest, quartiles.first, quartiles.median, quartiles.third, quartiles.largest]
      : [null, null, null, null, null]),
    bar((Math.log(medians[index]!) - low) / (high - low)),
  ]);
  const header = ['method', 'lambda_max', 'standard error', 'over LoRA', 'least', '25 %', 'median', '75 %', 'most', ''];
  const [{ tokens, batches }] = compared as [SpectrumBesideLora];
  return [
    ...output.table(header, rows),
    '',
    `over ${tokens} scored tokens in ${batches} batches; lambda_max over that of vanilla LoRA, of the whole adapter` +
      (compared.some(({ relativeToLora: { quartiles } }) => quartiles)
        ? ' and by module'
        : ' (by module with --per-module)'),
  ];
}
