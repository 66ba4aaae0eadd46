import type { Data, LayoutAxis, PlotData } from 'plotly.js';
import { standardError } from '../../numerics/statistics.ts';
import { formatRate } from '../rates/format.ts';
import { groupsOf } from '../rates/groups.ts';
import type { PredictionPoint } from '../rates/prediction.ts';
import { haveOtherScores } from '../rates/settings.ts';
import { isOffCliff, type RatePoint, ratePoints, type Sweep } from '../rates/sweep.ts';
import { markedName } from '../rates/verdict/findings.ts';
import { baseLayout, escapeMarkup, type Figure, logAxis, palette } from './figure.ts';
import { foldWords } from './findingWords.ts';
import { type MethodStyle, methodStyles } from './methodStyle.ts';
import { panelled } from './panels.ts';

/** How many configurations stand in one plot at most; more of them stand in a panel for each group at equal settings. */
const mostInOnePlot = 8;

/**
 * Score against learning rate (log axis), a line for each configuration: means over the seeds with their standard error, or of shares,
 * which stand in %, with their confidence interval; a star at the optimum with its interval, an open one where runs are still to be made;
 * open markers along the bad edge of the plot where training broke: runs diverged, or a larger rate than the best took the score off the
 * scale. The scale ends a little beyond the cliff, for one broken run would flatten all the curves. Rates that are too small for the
 * scale have no marker: nothing broke there, and the line leaves the plot.
 *
 * Many configurations at several settings, and those of several tasks or models, whose scores have no common scale, stand in panels, one
 * for each group at equal settings, with the methods in the legend. In one plot those of one method differ in their dash.
 */
export function sweepCurve(sweep: Sweep, points: readonly PredictionPoint[]): Figure {
  const styles = methodStyles(points);
  const curves = points.map((point) => ({ point, rates: ratePoints(sweep.runs, point.configuration) }));
  const whole = viewOf(sweep, curves);
  const xaxis = logAxis(
    'learning rate',
    curves.flatMap(({ rates }) => rates.map(({ learningRate }) => learningRate)),
  );
  const title = titleOf(points);
  const groups = groupsOf(points);
  const hasOtherScores = haveOtherScores(points);
  const isCrowded = points.length > mostInOnePlot && groups.some(({ configurations }) => configurations.length > 1);
  if (groups.length === 1 || !(isCrowded || hasOtherScores)) {
    const data = curves.flatMap((curve) => tracesOf(curve, styles, whole, nameOf(curve.point), nameOf(curve.point)));
    return { title, data, layout: baseLayout(xaxis, whole.yaxis, 480) };
  }
  const firsts = new Set([
    ...new Map(points.toReversed().map((point) => [point.method, point.configuration])).values(),
  ]);
  const panels = groups.map(({ name, configurations }) => {
    const own = curves.filter(({ point }) => configurations.includes(point.configuration));
    const view = viewOf(sweep, hasOtherScores ? own : curves);
    const data = own.flatMap((curve) => {
      const { method, configuration } = curve.point;
      const traces = tracesOf(curve, styles, view, nameOf(curve.point), escapeMarkup(method));
      // Each method stands in the legend once, by its own name, and at equal settings no dash has to tell methods apart.
      const [line, ...others] = traces as Partial<PlotData>[];
      const entry = { name: escapeMarkup(method), showlegend: firsts.has(configuration) };
      return [{ ...line, ...entry, line: { ...line!.line, dash: 'solid' } } as Data, ...(others as Data[])];
    });
    return { title: name, data, xaxis, ...(hasOtherScores && { yaxis: view.yaxis }) };
  });
  return panelled(title, panels, whole.yaxis, { columns: 3, plotHeight: 220 });
}

/** How far the best rates lie apart, and whose are the ends. */
function titleOf(points: readonly PredictionPoint[]): string {
  const ascending = points.toSorted((a, b) => a.optimum.learningRate - b.optimum.learningRate);
  const [least, most] = [ascending[0], ascending.at(-1)];
  if (least === undefined || most === undefined) return 'No rate was tried';
  if (least === most)
    return `The best learning rate of ${least.configuration} is ${formatRate(least.optimum.learningRate)}`;
  const apart = foldWords([least, most].map(({ optimum }) => optimum.learningRate));
  if (apart === '1.0-fold') return 'The best rates are equal';
  return `The best rates differ ${apart}: smallest of ${least.configuration}; largest of ${most.configuration}`;
}

/** A configuration with what was measured of it at each rate. */
export interface Curve {
  readonly point: PredictionPoint;
  readonly rates: readonly RatePoint[];
}

function nameOf(point: PredictionPoint): string {
  return escapeMarkup(markedName(point));
}

/** Markers of several methods at one rate are stacked, or only the last would be seen. */
function stacking(): (rate: number) => number {
  const stack = new Map<number, number>();
  return (rate) => {
    const below = stack.get(rate) ?? 0;
    stack.set(rate, below + 1);
    return 0.035 * below;
  };
}

/** What of the scores is in sight, and how they are written. */
interface View {
  readonly bad: number;
  readonly good: number;
  readonly isOffScale: (rate: RatePoint) => boolean;
  readonly stacked: (rate: number) => number;
  readonly format: string;
  readonly yaxis: Partial<LayoutAxis>;
}

/** One plot's view of the scores of these curves. */
function viewOf(sweep: Sweep, curves: readonly Curve[]): View {
  const lower = sweep.scoreDirection === 'lower';
  const [bad, good] = scoreRange(sweep, curves);
  const padding = 0.06 * Math.abs(bad - good);
  return {
    ...{ bad, good, stacked: stacking(), format: sweep.isShare ? '.1%' : '.4g' },
    isOffScale: ({ mean }) => mean === null || (lower ? mean > bad : mean < bad),
    yaxis: {
      title: { text: `${escapeMarkup(sweep.context?.score ?? 'score')} (${sweep.scoreDirection} is better)` },
      range: lower ? [good - padding, bad] : [bad, good + padding],
      ...(sweep.isShare && { tickformat: '.0%' }),
    },
  };
}

/** A curve, its optimum, and its points off the scale. */
function tracesOf(
  { point, rates }: Curve,
  styles: ReadonlyMap<string, MethodStyle>,
  { bad, good, isOffScale, stacked, format }: View,
  name: string,
  legendgroup: string,
): Data[] {
  const { color, symbol, dash } = styles.get(point.configuration)!;
  const shared = { type: 'scatter', legendgroup, name } as const;
  // The line runs on to points off the scale, and the plot cuts it off there.
  const shown = rates.filter((rate) => rate.mean !== null);
  const { learningRate, low, high, score } = point.optimum;
  const off = rates.filter((rate) => isOffScale(rate) && (rate.mean === null || rate.learningRate > learningRate));
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
        line: { color: palette.ink, width: 1 },
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
      marker: { color: palette.ground, symbol, size: 9, line: { color, width: 2 } },
      cliponaxis: false,
      hovertemplate: `${name}<br>rate %{x:.3g}<br>%{text}<extra></extra>`,
    },
  ];
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
export function scoreRange(sweep: Sweep, curves: readonly Curve[]): [number, number] {
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
