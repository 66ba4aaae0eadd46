import type { Dash, Data } from 'plotly.js';
import { fitPowerLaw, foldError, geometricMean } from '../../numerics/statistics.ts';
import type { Prediction } from '../rates/prediction.ts';
import { markedName } from '../rates/verdict/findings.ts';
import { baseLayout, escapeMarkup, type Figure, formatPower, logAxis, palette } from './figure.ts';
import { told } from './findingWords.ts';
import { methodStyles } from './methodStyle.ts';

/**
 * Measured rates against predicted ones, both axes logarithmic: a marker at each configuration's optimum with its
 * interval, against the predictor; and an open one where training broke, against the optimizer's limit of stability. Were the prediction right, the markers would lie on the diagonal; were
 * it right up to a constant, on the line of slope 1 through them. Both are drawn, and so are the power law fitted to the
 * optima and the one constant that is the baseline. The predictor must have spoken on at least one configuration; else the figure is empty.
 */
export function predictionAgainstOptimum(prediction: Prediction, predictor = 'two-over-lambda'): Figure {
  const methods = [...new Set(prediction.points.map(({ method }) => method))];
  const styles = methodStyles(methods.map((method) => ({ configuration: method, method })));
  // The methods alone stand in the legend where one has several configurations, which differ in nothing that is drawn.
  const isByMethod = prediction.points.length > methods.length;
  const inLegend = new Set<string>();
  const points = prediction.points.flatMap((point) => {
    const predicted = point.predictions[predictor];
    return predicted === undefined ? [] : [{ ...point, predicted: predicted.learningRate }];
  });
  const predicted = points.map((point) => point.predicted);
  const broken = points.flatMap(({ divergesAt, limit }) =>
    divergesAt === null || limit?.learningRate == null ? [] : [{ divergesAt, limit: limit.learningRate }],
  );
  const measured = [
    ...points.flatMap(({ optimum }) => [optimum.learningRate, optimum.low, optimum.high]),
    ...broken.map(({ divergesAt }) => divergesAt),
  ];
  const across = [...predicted, ...broken.map(({ limit }) => limit)];
  const optimizer = points.find(({ limit }) => limit)?.limit?.optimizer ?? 'gradient descent';
  const open = broken.length === 0 ? '' : `; open: limit of ${optimizer}`;
  const xaxis = logAxis(`predicted learning rate (${predictor}${open})`, across);
  // The vertical axis reaches up or down to the diagonal, however far the measured rates lie from it.
  const yaxis = logAxis('measured learning rate', [...measured, ...across]);
  const ends = xaxis.range.map((exponent) => 10 ** exponent) as [number, number];
  return {
    title: titleOf(points, predictor),
    data: [
      ...guides(points, ends),
      ...points.flatMap((point): Data[] => {
        const { method, optimum, divergesAt, limit, predicted: x } = point;
        const { color, symbol } = styles.get(method)!;
        const name = escapeMarkup(markedName(point));
        const entry = isByMethod ? escapeMarkup(point.method) : name;
        const showlegend = !inLegend.has(entry);
        inLegend.add(entry);
        const shared = { type: 'scatter', mode: 'markers', legendgroup: entry } as const;
        return [
          {
            ...shared,
            name: entry,
            showlegend,
            x: [x],
            y: [optimum.learningRate],
            error_y: {
              type: 'data',
              symmetric: false,
              array: [optimum.high - optimum.learningRate],
              arrayminus: [optimum.learningRate - optimum.low],
              color,
              thickness: 1.5,
            },
            marker: { color, symbol, size: 11 },
            hovertemplate: `${name}<br>predicted %{x:.3g}<br>optimum %{y:.3g}<extra></extra>`,
          },
          ...(divergesAt === null || limit?.learningRate == null
            ? []
            : [
                {
                  ...shared,
                  name: `${name}, breaks`,
                  showlegend: false,
                  x: [limit.learningRate],
                  y: [divergesAt],
                  marker: { color: palette.ground, symbol, size: 11, line: { color, width: 2 } },
                  hovertemplate: `${name}<br>limit %{x:.3g}<br>breaks at %{y:.3g}<extra></extra>`,
                },
              ]),
        ];
      }),
    ],
    layout: baseLayout(xaxis, yaxis, 520),
  };
}

interface Measured {
  readonly predicted: number;
  readonly optimum: { readonly learningRate: number };
}

/** What the fitted line says, and how far off the predictions are. */
function titleOf(points: readonly Measured[], predictor: string): string {
  if (points.length === 0) return `No rate is predicted by ${predictor}`;
  const off = geometricMean(points.map(({ predicted, optimum }) => foldError(predicted, optimum.learningRate)));
  const law = lawOf(points);
  const name = predictor === 'two-over-lambda' ? '2/λmax' : predictor;
  const power = law === null ? '' : `, and go as its power ${law.slope.toFixed(2)}`;
  return `The best rates are ${told(off)}-fold off ${name} in the mean${power}`;
}

function lawOf(points: readonly Measured[]) {
  return fitPowerLaw(
    points.map((point) => point.predicted),
    points.map((point) => point.optimum.learningRate),
  );
}

function guides(points: readonly Measured[], ends: [number, number]): Data[] {
  if (points.length === 0) return [];
  const optima = points.map((point) => point.optimum.learningRate);
  const law = lawOf(points);
  const guide = (name: string, y: number[], dash: Dash, color: string): Data => ({
    type: 'scatter',
    mode: 'lines',
    name,
    x: [...ends],
    y,
    line: { color, dash, width: 1.5 },
    hoverinfo: 'skip',
  });
  const constant = geometricMean(optima);
  const scale = geometricMean(points.map((point) => point.optimum.learningRate / point.predicted));
  return [
    guide('predicted = measured', [...ends], 'solid', palette.faint),
    guide(
      `right up to a constant, slope 1 (times ${formatPower(scale)})`,
      ends.map((x) => scale * x),
      'dashdot',
      palette.faint,
    ),
    ...(law === null
      ? []
      : [
          guide(
            `fitted power law, slope ${law.slope.toFixed(2)}`,
            ends.map((x) => Math.exp(law.intercept + law.slope * Math.log(x))),
            'dash',
            palette.quiet,
          ),
        ]),
    guide('one constant for all', [constant, constant], 'dot', palette.quiet),
  ];
}
