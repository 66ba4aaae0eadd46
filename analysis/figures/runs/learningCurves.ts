import type { Data } from 'plotly.js';
import { formatRate } from '../../rates/format.ts';
import type { PredictionPoint } from '../../rates/prediction.ts';
import { markedName } from '../../rates/verdict/findings.ts';
import { baseLayout, escapeMarkup, type Figure, shadeOf } from '../figure.ts';
import { panelled } from '../panels.ts';

/** The loss of one run as it trained: means over stretches of its steps. */
export interface LearningCurve {
  readonly configuration: string;
  readonly learningRate: number;
  /** The middle step of each stretch, and the mean loss over it; null where it is not finite. */
  readonly steps: readonly number[];
  readonly losses: readonly (number | null)[];
}

const best = '#d55e00';
const mostPanels = 9;

/**
 * The training loss of each run against the step, a panel for each configuration: the stronger its colour, the larger the rate, and in red the rate
 * nearest to the best. The scale ends at the loss before training, or a little above it, for a run that diverges would flatten all others.
 */
export function learningCurves(curves: readonly LearningCurve[], points: readonly PredictionPoint[]): Figure | null {
  const shown = points.filter(({ configuration }) => curves.some((curve) => curve.configuration === configuration));
  const told = shown.slice(0, mostPanels);
  if (told.length === 0) return null;
  const inSight = curves.filter((curve) => told.some(({ configuration }) => configuration === curve.configuration));
  const finite = inSight.flatMap(({ losses }) => losses.filter((loss) => loss !== null));
  const start = Math.max(...inSight.map(({ losses }) => losses.find((loss) => loss !== null) ?? 0));
  const low = Math.min(...finite);
  const top = start + 0.15 * (start - low);
  const last = Math.max(...inSight.map(({ steps }) => steps.at(-1) ?? 1));
  const yaxis = { title: { text: 'training loss (nats a token)' }, range: [low - 0.05 * (top - low), top] };
  const xaxis = { title: { text: 'step' }, range: [0, 1.02 * last] };
  const panels = told.map((point, panel) => {
    const own = curves
      .filter(({ configuration }) => configuration === point.configuration)
      .toSorted((a, b) => a.learningRate - b.learningRate);
    const distance = (rate: number): number => Math.abs(Math.log(rate / point.optimum.learningRate));
    const nearest = own.reduce((most, one) => (distance(one.learningRate) < distance(most.learningRate) ? one : most));
    const data = [...own.filter((curve) => curve !== nearest), nearest].map((curve): Data => {
      const isBest = curve === nearest;
      const place = own.length === 1 ? 0 : own.indexOf(curve) / (own.length - 1);
      const isEnd = curve === own[0] || curve === own.at(-1);
      return {
        ...{ type: 'scatter', mode: curve.steps.length === 1 ? 'markers' : 'lines' },
        name: isBest
          ? 'nearest to the best rate'
          : curve === own[0]
            ? 'smallest rate'
            : isEnd
              ? 'largest rate'
              : `rate ${formatRate(curve.learningRate)}`,
        showlegend: panel === 0 && (isBest || isEnd),
        x: [...curve.steps],
        y: [...curve.losses],
        line: { color: isBest ? best : shadeOf(place), width: isBest ? 3 : 1.5 },
        hovertemplate: `${escapeMarkup(point.configuration)}, rate ${formatRate(curve.learningRate)}<br>step %{x}<br>loss %{y:.4g}<extra></extra>`,
      };
    });
    return { title: markedName(point), data, xaxis };
  });
  const note = shown.length > told.length ? `${told.length} of ${shown.length} configurations are shown` : undefined;
  const title = titleOf(inSight, told);
  const figure =
    panels.length === 1
      ? { title, data: panels[0]!.data, layout: baseLayout(xaxis, yaxis, 400) }
      : panelled(title, panels, yaxis, { columns: 3, plotHeight: 220 });
  return { ...figure, ...(note !== undefined && { note }) };
}

/** How many runs ended above where they began. */
function titleOf(curves: readonly LearningCurve[], points: readonly PredictionPoint[]): string {
  const rises = curves.filter(({ losses }) => {
    const [first, last] = [losses[0], losses.at(-1)];
    return last == null || (first != null && last > first);
  });
  const ofAll = `${rises.length} of ${curves.length} runs`;
  return rises.length === 0
    ? `The loss falls in all ${curves.length} runs of ${points.length} configurations`
    : `The loss ends above its start in ${ofAll}`;
}
