import type { Data } from 'plotly.js';
import { baseLayout, escapeMarkup, type Figure, logAxis, palette } from './figure.ts';
import { foldWords, told } from './findingWords.ts';
import { methodStyles } from './methodStyle.ts';

/** One end of a spectrum with its uncertainty over batches; null with one batch. */
export interface SpectrumEnd {
  readonly value: number;
  readonly standardError: number | null;
}

/** Both ends of one configuration's Hessian spectrum. */
export interface SpectrumEnds {
  readonly configuration: string;
  readonly method: string;
  readonly lambdaMax: SpectrumEnd;
  readonly lambdaMin: SpectrumEnd | null;
}

/**
 * lambda_max of each configuration on a log axis, largest at the top, with its standard error over batches. Where the
 * spectrum reaches below zero an open marker gives |lambda_min|: these Hessians are indefinite, and that end can be the larger.
 */
export function lambdaMaxByMethod(spectra: readonly SpectrumEnds[]): Figure {
  const styles = methodStyles(spectra);
  const ordered = [...spectra].sort((a, b) => a.lambdaMax.value - b.lambdaMax.value);
  const data = ordered.flatMap(({ configuration, lambdaMax, lambdaMin }): Data[] => {
    const { color, symbol } = styles.get(configuration)!;
    const name = escapeMarkup(configuration);
    const end = ({ value, standardError }: SpectrumEnd, label: string, fill: string): Data => ({
      type: 'scatter',
      mode: 'markers',
      name: `${name} ${label}`,
      showlegend: false,
      x: [Math.abs(value)],
      y: [name],
      error_x: { type: 'data', array: [standardError ?? 0], visible: standardError !== null, color, thickness: 1.5 },
      // The open one is larger: at B = 0 the two ends mirror each other, and it would be covered.
      marker: { color: fill, symbol, size: fill === palette.ground ? 17 : 11, line: { color, width: 2 } },
      hovertemplate: `${name}<br>${label} %{x:.4g}${standardError === null ? '' : ` ± ${standardError.toPrecision(2)}`}<extra></extra>`,
    });
    return [
      ...(lambdaMin !== null && lambdaMin.value < 0 ? [end(lambdaMin, '|lambda_min|', palette.ground)] : []),
      end(lambdaMax, 'lambda_max', color),
    ];
  });
  const shown = ordered.flatMap(({ lambdaMax, lambdaMin }) =>
    [lambdaMax, ...(lambdaMin === null ? [] : [lambdaMin])].flatMap(({ value, standardError }) => [
      Math.abs(value),
      Math.abs(value) + (standardError ?? 0),
    ]),
  );
  return {
    title: titleOf(ordered),
    data,
    layout: baseLayout(
      logAxis('λmax (filled) and |λmin| (open)', shown),
      { type: 'category', tickfont: { size: 14 } },
      110 + (ordered.length > 12 ? 28 : 44) * Math.max(ordered.length, 2),
    ),
  };
}

function titleOf(ascending: readonly SpectrumEnds[]): string {
  const [least, most] = [ascending[0], ascending.at(-1)];
  if (least === undefined || most === undefined) return 'No λmax was measured';
  const apart = foldWords([least, most].map(({ lambdaMax }) => lambdaMax.value).filter((value) => value > 0));
  return least === most || apart === null
    ? `λmax of ${most.configuration} is ${told(most.lambdaMax.value)}`
    : `λmax differs ${apart}: smallest of ${least.configuration}; largest of ${most.configuration}`;
}
