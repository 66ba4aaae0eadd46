import type { Data, PlotData } from 'plotly.js';
import { standardError } from '../../numerics/statistics.ts';
import { markedName } from '../rates/findings.ts';
import type { PredictionPoint } from '../rates/prediction.ts';
import { isOffCliff, type RatePoint, ratePoints, type Sweep } from '../rates/sweep.ts';
import { baseLayout, escapeMarkup, type Figure, logAxis } from './figure.ts';
import { methodStyles } from './methodStyle.ts';

/**
 * Score against learning rate (log axis), a line for each configuration: means over the seeds with their standard error, or of
 * shares, which stand in %, with their confidence interval;
 * a star at the optimum with its interval, an open one where runs are still to be made; open markers along the bad edge of the plot where runs diverged or the score lies
 * off the scale. The scale ends a little beyond the cliff, for one broken run would flatten all the curves.
 */
export function sweepCurve(sweep: Sweep, points: readonly PredictionPoint[]): Figure {
  const styles = methodStyles(points);
  const curves = points.map((point) => ({ point, rates: ratePoints(sweep.runs, point.configuration) }));
  const [bad, good] = scoreRange(sweep, curves);
  const format = sweep.isShare ? '.1%' : '.4g';
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
    const name = escapeMarkup(markedName(point));
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
        error_y: { ...errorBars(shown), thickness: 1, width: 2 },
        line: { color, dash, width: 2 },
        marker: { color, symbol, size: 7 },
        hovertemplate: `${name}<br>rate %{x:.3g}<br>score %{y:${format}}<extra></extra>`,
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
        marker: {
          color,
          symbol: point.isUnfinished ? 'star-open' : 'star',
          size: 15,
          line: { color: 'black', width: 1 },
        },
        hovertemplate: `${name}: optimum %{x:.3g}<br>best score %{y:${format}}<extra></extra>`,
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
      {
        title: { text: `${escapeMarkup(scoreName)} (${sweep.scoreDirection} is better)` },
        range,
        ...(sweep.isShare && { tickformat: '.0%' }),
      },
      480,
    ),
  };
}

/** The confidence intervals of shares, else standard errors over the seeds. */
function errorBars(rates: readonly RatePoint[]): NonNullable<Partial<PlotData>['error_y']> {
  if (rates.some(({ interval }) => interval !== undefined))
    return {
      type: 'data',
      symmetric: false,
      array: rates.map(({ interval, mean }) => (interval === undefined ? 0 : interval[1] - mean!)),
      arrayminus: rates.map(({ interval, mean }) => (interval === undefined ? 0 : mean! - interval[0])),
    };
  return {
    type: 'data',
    array: rates.map((rate) => standardError(rate.scores) ?? 0),
    visible: rates.some((rate) => rate.scores.length > 1),
  };
}

/**
 * The scores at the plot's bad and good edge: all points short of the cliff, and a quarter as much again. Shares are shown from 0
 * to the end of the highest interval, with room below for runs that diverged: solving nothing is something else.
 */
function scoreRange(
  sweep: Sweep,
  curves: readonly { point: PredictionPoint; rates: readonly RatePoint[] }[],
): [number, number] {
  if (sweep.isShare) {
    const ends = curves.flatMap(({ rates }) => rates.map(({ interval, mean }) => interval?.[1] ?? mean ?? 0));
    const top = Math.max(...ends, 0.1); // less would make a mountain of what one problem more or less is
    return [-0.05 * top, top];
  }
  const lower = sweep.scoreDirection === 'lower';
  const worst = lower ? Math.max : Math.min;
  const best = lower ? Math.min : Math.max;
  const peaks = curves.map(({ point }) => point.optimum.score);
  const sound = curves.flatMap(({ point, rates }) =>
    rates
      .filter((rate) => !isOffCliff(rate, { mean: point.optimum.score }, sweep.scoreDirection))
      .map((rate) => rate.mean!),
  );
  const good = best(...peaks);
  const soundEdge = worst(...sound);
  const flat = Math.max(Math.abs(good) * 0.01, 1e-9); // a single point still needs a scale
  const span = Math.max(Math.abs(soundEdge - good), flat);
  return [lower ? good + 1.25 * span : good - 1.25 * span, good];
}
