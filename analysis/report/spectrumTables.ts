import { formatRate } from '../rates/format.ts';
import type { Limit } from '../rates/limits.ts';
import type { RelativeToLora } from '../rates/relativeToLora.ts';
import type { PageSpectrum } from './pageSpectrum.ts';
import { endCells, formatNumber, missing, sampleOf, thresholdNames, type WordTable } from './tables.ts';

const operatorWords = {
  hessian: 'the Hessian',
  ggn: 'the Gauss-Newton matrix',
  adam: 'P^-1/2 H P^-1/2, the Hessian as Adam sees it after a warm-up',
} as const;

/** Both ends of each spectrum, with the errors of the sample and of Lanczos. */
export function endsTable(spectra: readonly PageSpectrum[]): WordTable {
  const traced = spectra.some(({ trace }) => trace !== undefined);
  return {
    header: [
      ...['Method', 'λmax', 'Residual', 'λmin', 'Residual', ...(traced ? ['Trace'] : [])],
      ...['Parameters', 'Products', 'Stopped'],
    ],
    rows: spectra.map(({ method, lambdaMax, lambdaMin, trace, parameters, products, outcome }) => [
      method,
      ...endCells(lambdaMax),
      ...endCells(lambdaMin),
      ...(traced ? [trace === undefined ? missing : endCells({ ...trace, residualBound: 0 })[0]] : []),
      parameters.toLocaleString('en'),
      String(products),
      outcome,
    ]),
    note:
      `Ends of the spectrum of ${operatorWords[spectra[0]!.operator]} of the loss in the adapter’s parameters, over ` +
      `${sampleOf(spectra)}. ±: standard error over batches, of the Rayleigh quotient${traced ? '; of the trace, of its estimate' : ''}. ` +
      'Residual: Lanczos’s bound on the numerical error of the eigenvalue.',
  };
}

/** The largest stable rates with their formulas, and once for all of them what they assume; null if there are none. */
export function limitTable(
  spectra: readonly PageSpectrum[],
): (WordTable & { readonly assumptions: readonly string[] }) | null {
  const known = spectra.flatMap(({ method, limits }) =>
    limits.filter(({ learningRate }) => learningRate !== null).map((limit) => ({ method, ...limit })),
  );
  if (known.length === 0) return null;
  return {
    header: ['Method', 'Optimizer', 'Largest stable rate', 'Formula', 'Source'],
    rows: known.map(({ method, optimizer, learningRate, formula, source }) => [
      method,
      thresholdNames[optimizer]!,
      formatRate(learningRate!),
      formula,
      source,
    ]),
    note: 'Above this rate a deviation along the top eigenvector grows with every step, provided that:',
    assumptions: [...new Set(known.flatMap((limit: Limit) => limit.assumptions))],
  };
}

/** Each module's own block. */
export function moduleTable(modules: NonNullable<PageSpectrum['modules']>): WordTable {
  return {
    header: ['Module', 'λmax', 'λmin', 'Parameters', 'Products', 'Stopped'],
    rows: modules.map(({ name, lambdaMax, lambdaMin, parameters, products, outcome }) => [
      name,
      formatNumber(lambdaMax),
      formatNumber(lambdaMin),
      parameters.toLocaleString('en'),
      String(products),
      outcome,
    ]),
    note: 'The diagonal block of the module’s own adapter tensors: curvature with everything else held fixed.',
  };
}

/** How each method's lambda_max compares with vanilla LoRA's. */
export function ratioTable(
  compared: readonly { readonly method: string; readonly relativeToLora: RelativeToLora }[],
): WordTable {
  const cell = (value: number | null | undefined): string => formatNumber(value ?? null, 3);
  return {
    header: ['Method', 'Whole adapter', 'Median over modules', 'Quartiles', 'Smallest', 'Largest'],
    rows: compared.map(({ method, relativeToLora: { whole, quartiles } }) => [
      method,
      cell(whole),
      cell(quartiles?.median),
      quartiles === undefined ? missing : `${cell(quartiles.first)} to ${cell(quartiles.third)}`,
      cell(quartiles?.smallest),
      cell(quartiles?.largest),
    ]),
    note: 'λmax over that of vanilla LoRA, of the whole adapter and module by module.',
  };
}
