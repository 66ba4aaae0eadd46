import type { Data } from 'plotly.js';
import { count } from '../../rates/format.ts';
import { baseLayout, escapeMarkup, type Figure } from '../figure.ts';
import { seriesColors } from '../methodStyle.ts';

/** The loss of a run that is under way. */
export interface RunningLoss {
  /** What the run is called. */
  readonly run: string;
  /** The middle step of each stretch, and the mean loss over it; null where it is not finite. */
  readonly steps: readonly number[];
  readonly losses: readonly (number | null)[];
  /** How many steps the run will have. */
  readonly stepsPlanned: number;
}

/** The training loss of runs that are under way against the step, to the last step that the longest will have; null before the first step. */
export function runningLosses(all: readonly RunningLoss[]): Figure | null {
  const begun = all.filter(({ losses }) => losses.some((loss) => loss !== null));
  const shown = begun.slice(0, seriesColors.length);
  if (shown.length === 0) return null;
  const data = shown.map(
    ({ run, steps, losses }, index): Data => ({
      ...{ type: 'scatter', mode: steps.length === 1 ? 'markers' : 'lines', name: escapeMarkup(run) },
      ...{
        x: [...steps],
        y: [...losses],
        line: { color: seriesColors[index]!, width: 2 },
        marker: { color: seriesColors[index]! },
      },
    }),
  );
  const last = Math.max(...shown.map(({ stepsPlanned }) => stepsPlanned));
  const axis = { title: { text: 'step' }, range: [0, 1.02 * last] };
  return {
    title: `The loss of ${count(begun.length, 'run')} under way`,
    ...(begun.length > shown.length && { note: `${shown.length} of them are shown` }),
    data,
    layout: { ...baseLayout(axis, { title: { text: 'training loss (nats a token)' } }, 320), showlegend: true },
  };
}
