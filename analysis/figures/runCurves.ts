import type { Data, LayoutAxis } from 'plotly.js';
import type { RunStep } from '../rates/run.ts';
import { baseLayout, type Figure, logAxis } from './figure.ts';

const height = 260;
const trainingColor = '#0072b2';
const validationColor = '#d55e00';

/** Loss of each step's batch against the step, and the validation loss where it was scored. */
export function lossCurve(steps: readonly RunStep[]): Figure {
  const scored = steps.filter(({ validationLoss }) => validationLoss !== undefined && validationLoss !== null);
  const validation: Data = {
    type: 'scatter',
    mode: 'lines+markers',
    name: 'validation, after the step',
    x: scored.map(({ step }) => step),
    y: scored.map(({ validationLoss }) => validationLoss!),
    line: { color: validationColor, width: 2 },
    marker: { color: validationColor, size: 7 },
    hovertemplate: 'step %{x}<br>validation loss %{y:.4g}<extra></extra>',
  };
  const batch = line(steps, 'loss', 'the step’s batch, before the step', 'loss %{y:.4g}');
  return {
    data: [batch, ...(scored.length > 0 ? [validation] : [])],
    layout: {
      ...baseLayout(stepAxis(steps), { title: { text: 'loss (nats a token)' } }, height + 40),
      showlegend: scored.length > 0,
    },
  };
}

/** The learning rate of each step. */
export function rateCurve(steps: readonly RunStep[]): Figure {
  const axis = { title: { text: 'learning rate' }, rangemode: 'tozero', exponentformat: 'power' } as const;
  return {
    data: [line(steps, 'learningRate', 'learning rate', 'rate %{y:.3g}')],
    layout: { ...baseLayout(stepAxis(steps), axis, height), showlegend: false },
  };
}

/** The norm of each step's gradient before clipping, on a logarithmic axis. */
export function gradientNormCurve(steps: readonly RunStep[]): Figure {
  const values = steps.map(({ gradientNorm }) => gradientNorm ?? Number.NaN);
  return {
    data: [line(steps, 'gradientNorm', 'gradient norm', 'gradient norm %{y:.4g}')],
    layout: { ...baseLayout(stepAxis(steps), logAxis('gradient norm', values), height), showlegend: false },
  };
}

/** The axis of steps: its range is equal in all figures of a run, so that they can be read one above the other. */
export function stepAxis(steps: readonly RunStep[]): Partial<LayoutAxis> {
  return { title: { text: 'step' }, range: [0, 1.02 * (steps.at(-1)?.step ?? 1)] };
}

function line(
  steps: readonly RunStep[],
  quantity: 'loss' | 'learningRate' | 'gradientNorm',
  name: string,
  hover: string,
): Data {
  return {
    type: 'scatter',
    mode: steps.length === 1 ? 'markers' : 'lines',
    name,
    x: steps.map(({ step }) => step),
    y: steps.map((step) => step[quantity]),
    line: { color: trainingColor, width: 2 },
    hovertemplate: `step %{x}<br>${hover}<extra></extra>`,
  };
}
