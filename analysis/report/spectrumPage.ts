import { densityCurve } from '../figures/densityCurve.ts';
import type { Figure } from '../figures/figure.ts';
import { lambdaMaxByMethod } from '../figures/lambdaMaxByMethod.ts';
import { moduleHeatMap } from '../figures/modules/moduleHeatMap.ts';
import { ratioDensity } from '../figures/modules/ratioDensity.ts';
import { ratioStrip } from '../figures/modules/ratioStrip.ts';
import type { RelativeToLora } from '../rates/relativeToLora.ts';
import { renderPage } from './page.ts';
import type { PageSpectrum } from './pageSpectrum.ts';
import { endsTable, limitTable, moduleTable, ratioTable } from './spectrumTables.ts';

/** What a page of spectra says besides. */
export interface SpectrumPageOptions {
  /** What was measured on: the model, the data. */
  readonly setting: readonly string[];
  /** The command line that repeats it. */
  readonly command: string;
}

/**
 * One spectrum, or those of several methods of the same model and data, as one HTML document that needs nothing else: the ends,
 * the limits with what they assume, and as far as they were measured heat maps over layers and modules, densities, and the
 * distribution of lambda_max over modules relative to vanilla LoRA's.
 */
export function renderSpectrumPage(spectra: readonly PageSpectrum[], options: SpectrumPageOptions): string {
  const compared = spectra.flatMap(({ method, relativeToLora }) =>
    relativeToLora ? [{ method, relativeToLora }] : [],
  );
  const content = {
    title: `Curvature of ${spectra.map(({ method }) => method).join(', ')}`,
    setting: [...options.setting, `loss ${spectra[0]!.loss.toPrecision(4)}`],
    command: options.command,
    ends: endsTable(spectra),
    limits: limitTable(spectra),
    isCompared: spectra.length > 1,
    ratios: compared.length === 0 ? null : ratioTable(compared),
    hasRatioStrip: hasModules(compared),
    parts: spectra.flatMap(({ method, modules, density }, index) =>
      modules || density
        ? [{ method, index, modules: modules && moduleTable(modules), hasDensity: density !== undefined }]
        : [],
    ),
  };
  return renderPage('spectrum', content, spectrumFigures(spectra));
}

function spectrumFigures(spectra: readonly PageSpectrum[]): Record<string, Figure> {
  const figures: Record<string, Figure> = {};
  const compared = spectra.flatMap(({ method, relativeToLora }) =>
    relativeToLora ? [{ method, relativeToLora, modules: relativeToLora.modules ?? [] }] : [],
  );
  if (hasModules(compared)) {
    figures['relative-to-lora'] = ratioStrip(compared);
    figures['relative-density'] = ratioDensity(compared);
  }
  if (spectra.length > 1)
    figures['lambda-max'] = lambdaMaxByMethod(spectra.map((each) => ({ ...each, configuration: each.method })));
  // One scale for all heat maps, or they could not be compared.
  const all = spectra.flatMap(({ modules = [] }) => modules.map(({ lambdaMax }) => lambdaMax));
  for (const [index, { modules, density, parameters, lambdaMax, lambdaMin }] of spectra.entries()) {
    if (modules) figures[`modules-${index}`] = moduleHeatMap(modules, all);
    const ends = { lambdaMax: lambdaMax.value, lambdaMin: lambdaMin.value };
    if (density) figures[`density-${index}`] = densityCurve({ density, parameters, ...ends });
  }
  return figures;
}

function hasModules(compared: readonly { readonly relativeToLora: RelativeToLora }[]): boolean {
  return compared.some(({ relativeToLora }) => relativeToLora.quartiles !== undefined);
}
