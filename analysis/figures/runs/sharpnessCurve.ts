import type { Data } from 'plotly.js';
import { measuredSteps, type RunStep, seesOtherwise, stabilityFactorOf } from '../../rates/run.ts';
import { baseLayout, type Figure, formatPower, logAxis, palette } from '../figure.ts';
import { told } from '../findingWords.ts';
import { stepAxis } from './runCurves.ts';

const height = 380;

/**
 * What the optimizer's steps see of the curvature against the step, on a log axis, and as a dashed line the threshold that the rate
 * in use puts to it. A curve that rises to the line and stays about there is a run at the edge of stability.
 */
export function sharpnessCurve(steps: readonly RunStep[]): Figure {
  const measured = measuredSteps(steps).filter(({ effective }) => effective !== null && effective > 0);
  const factor = stabilityFactorOf(steps);
  const rated = factor === null ? [] : steps.filter(({ learningRate }) => learningRate > 0);
  const thresholds = rated.map(({ learningRate }) => factor! / learningRate);
  const values = measured.map(({ effective }) => effective!);
  const name = seesOtherwise(steps) ? 'λmax as the optimizer’s steps see it' : 'λmax of the Hessian';
  const threshold: Data = {
    type: 'scatter',
    mode: 'lines',
    name: `threshold: ${formatPower(Number(factor?.toPrecision(3)))} / rate`,
    x: rated.map(({ step }) => step),
    y: thresholds,
    line: { color: palette.quiet, dash: 'dash', width: 2 },
    hovertemplate: 'step %{x}<br>threshold %{y:.4g}<extra></extra>',
  };
  return {
    title: thresholdWords(steps),
    data: [...(rated.length > 0 ? [threshold] : []), points(measured, values, name, '#0072b2')],
    // A rate near zero, as at both ends of most schedules, has a threshold that would flatten all else.
    layout: baseLayout(
      stepAxis(steps),
      logAxis('sharpness', [...values, ...within(thresholds, 30 * Math.max(...values))]),
      height,
    ),
  };
}

/** lambda_max of the Hessian against the step, on a log axis. */
export function hessianCurve(steps: readonly RunStep[]): Figure {
  const measured = measuredSteps(steps).filter(({ hessian }) => hessian !== null && hessian > 0);
  const values = measured.map(({ hessian }) => hessian!);
  const name = 'λmax of the Hessian';
  const [first, last] = [values[0]!, values.at(-1)!];
  const factor = last / first;
  return {
    title: `λmax of the Hessian ${factor < 1 ? 'falls' : 'grows'} ${told(Math.max(factor, 1 / factor))}-fold, from ${told(first)} to ${told(last)}`,
    data: [points(measured, values, name, '#009e73')],
    layout: { ...baseLayout(stepAxis(steps), logAxis(name, values), 300), showlegend: false },
  };
}

function points(
  measured: readonly { readonly step: number }[],
  y: readonly number[],
  name: string,
  color: string,
): Data {
  return {
    type: 'scatter',
    mode: 'lines+markers',
    name,
    x: measured.map(({ step }) => step),
    y: [...y],
    line: { color, width: 2 },
    marker: { color, size: 7 },
    hovertemplate: `step %{x}<br>${name} %{y:.4g}<extra></extra>`,
  };
}

function within(values: readonly number[], most: number): number[] {
  return values.filter((value) => value <= most);
}

/** Where the curve first stands above the line. */
function thresholdWords(steps: readonly RunStep[]): string {
  const shares = measuredSteps(steps).flatMap(({ step, effective, threshold }) =>
    effective === null || threshold === null ? [] : [{ step, share: effective / threshold }],
  );
  if (shares.length === 0) return 'Sharpness as the optimizer’s steps see it';
  const first = shares.find(({ share }) => share > 1);
  const most = Math.max(...shares.map(({ share }) => share));
  return first === undefined
    ? `Sharpness stays below the threshold of the rate: ${told(most)} of it at most`
    : `Sharpness passes the threshold of the rate after step ${first.step}`;
}
