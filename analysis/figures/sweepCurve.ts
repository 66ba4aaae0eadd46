import type { Data } from 'plotly.js';
import type { PredictionPoint } from '../predictor.ts';
import { standardError } from '../statistics.ts';
import { isOffCliff, type RatePoint, ratePoints, type Sweep } from '../sweep.ts';
import { baseLayout, escapeMarkup, type Figure, logAxis } from './figure.ts';
import { methodStyles } from './methodStyle.ts';

/**
 * Score against learning rate (log axis), a line for each configuration: means over the seeds with their standard error,
 * a star at the optimum with its interval, open markers along the bad edge of the plot where runs diverged or the score lies
 * off the scale. The scale ends a little beyond the cliff, for one broken run would flatten all the curves.
 */
export function sweepCurve(sweep: Sweep, points: readonly PredictionPoint[]): Figure {
  const styles = methodStyles(points);
  const curves = points.map((point) => ({ point, rates: ratePoints(sweep.runs, point.configuration) }));
  const [bad, good] = scoreRange(sweep, curves);
  const isOffScale = (rate: RatePoint): boolean =>
    rate.mean === null || (sweep.scoreDirection === 'lower' ? rate.mean > bad : rate.mean < bad);
  // Markers of several methods at one rate are stacked, or only the last would be seen.
  const stack = new Map<number, number>();
  const stacked = (rate: number): number => {
    const below = stack.get(rate) ?? 0;
    stack.set(rate, below + 1);
    return 0.035 * below;
  };
  const data = curves.flatMap(({ point, rates }): Data[] => {
    const { color, symbol, dash } = styles.get(point.configuration)!;
    const name = escapeMarkup(point.configuration);
    const shared = { type: 'scatter', legendgroup: name, name } as const;
    // The line runs on to points off the scale, and the plot cuts it off there.
    const shown = rates.filter((rate) => rate.mean !== null);
    const off = rates.filter(isOffScale);
    const { learningRate, low, high, score } = point.optimum;
    return [
      {
        ...shared,
        mode: 'lines+markers',
        x: shown.map((rate) => rate.learningRate),
        y: shown.map((rate) => rate.mean!),
        error_y: {
          type: 'data',
          array: shown.map((rate) => standardError(rate.scores) ?? 0),
          visible: shown.some((rate) => rate.scores.length > 1),
          thickness: 1,
          width: 2,
        },
        line: { color, dash, width: 2 },
        marker: { color, symbol, size: 7 },
        hovertemplate: `${name}<br>rate %{x:.3g}<br>score %{y:.4g}<extra></extra>`,
      },
      {
        ...shared,
        mode: 'markers',
        showlegend: false,
        x: [learningRate],
        y: [score],
        error_x: {
          type: 'data',
          symmetric: false,
          array: [high - learningRate],
          arrayminus: [learningRate - low],
          color,
          thickness: 1.5,
        },
        marker: { color, symbol: 'star', size: 15, line: { color: 'black', width: 1 } },
        hovertemplate: `${name}: optimum %{x:.3g}<br>best score %{y:.4g}<extra></extra>`,
      },
      {
        ...shared,
        mode: 'markers',
        showlegend: false,
        x: off.map((rate) => rate.learningRate),
        y: off.map((rate) => bad + (good - bad) * stacked(rate.learningRate)),
        text: off.map((rate) => (rate.mean === null ? 'diverged' : `off the scale: ${rate.mean.toPrecision(4)}`)),
        marker: { color: 'white', symbol, size: 9, line: { color, width: 2 } },
        cliponaxis: false,
        hovertemplate: `${name}<br>rate %{x:.3g}<br>%{text}<extra></extra>`,
      },
    ];
  });
  const rates = curves.flatMap((curve) => curve.rates.map((rate) => rate.learningRate));
  const padding = 0.06 * Math.abs(bad - good);
  const range = sweep.scoreDirection === 'lower' ? [good - padding, bad] : [bad, good + padding];
  const scoreName = sweep.context?.score ?? 'score';
  return {
    data,
    layout: baseLayout(
      logAxis('learning rate', rates),
      { title: { text: `${escapeMarkup(scoreName)} (${sweep.scoreDirection} is better)` }, range },
      480,
    ),
  };
}

/** The scores at the plot's bad and good edge: all points short of the cliff, and a quarter as much again. */
function scoreRange(
  sweep: Sweep,
  curves: readonly { point: PredictionPoint; rates: readonly RatePoint[] }[],
): [number, number] {
  const lower = sweep.scoreDirection === 'lower';
  const worst = lower ? Math.max : Math.min;
  const best = lower ? Math.min : Math.max;
  const peaks = curves.map(({ point }) => point.optimum.score);
  const sound = curves.flatMap(({ point, rates }) =>
    rates.filter((rate) => !isOffCliff(rate, point.optimum.score, sweep.scoreDirection)).map((rate) => rate.mean!),
  );
  const good = best(...peaks);
  const soundEdge = worst(...sound);
  const flat = Math.max(Math.abs(good) * 0.01, 1e-9); // a single point still needs a scale
  const span = Math.max(Math.abs(soundEdge - good), flat);
  return [lower ? good + 1.25 * span : good - 1.25 * span, good];
}
