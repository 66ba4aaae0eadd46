import type { Data, LayoutAxis } from 'plotly.js';
import type { RunStep } from '../../rates/run.ts';
import { baseLayout, type Figure, logAxis } from '../figure.ts';
import { told } from '../findingWords.ts';

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
    title: fromTo(
      'The loss',
      steps.map(({ loss }) => loss),
    ),
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
  const most = steps.reduce((top, step) => (step.learningRate > top.learningRate ? step : top), steps[0]!);
  return {
    title: `The learning rate is ${told(most.learningRate)} at most, at step ${most.step}`,
    data: [line(steps, 'learningRate', 'learning rate', 'rate %{y:.3g}')],
    layout: { ...baseLayout(stepAxis(steps), axis, height), showlegend: false },
  };
}

/** The norm of each step's gradient before clipping, on a logarithmic axis. */
export function gradientNormCurve(steps: readonly RunStep[]): Figure {
  const values = steps.map(({ gradientNorm }) => gradientNorm ?? Number.NaN);
  return {
    title: fromTo(
      'The gradient’s norm',
      steps.map(({ gradientNorm }) => gradientNorm),
    ),
    data: [line(steps, 'gradientNorm', 'gradient norm', 'gradient norm %{y:.4g}')],
    layout: { ...baseLayout(stepAxis(steps), logAxis('gradient norm', values), height), showlegend: false },
  };
}

/** How a quantity goes from the first step to the last at which it is known. */
function fromTo(subject: string, values: readonly (number | null)[]): string {
  const known = values.filter((value) => value !== null);
  const [first, last] = [known[0], known.at(-1)];
  if (first === undefined || last === undefined) return `${subject} is nowhere finite`;
  const way = last < first ? 'falls' : last > first ? 'rises' : 'stays';
  const broken = values.at(-1) === null ? ', and then is no number' : '';
  return way === 'stays'
    ? `${subject} is ${told(first)}`
    : `${subject} ${way} from ${told(first)} to ${told(last)}${broken}`;
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
