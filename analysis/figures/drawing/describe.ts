import type { LayoutAxis } from 'plotly.js';
import type { Figure } from '../figure.ts';
import { axisTitle, panelsOf } from './panel.ts';
import { plainText } from './text.ts';

/** How many names are read out before it is too much. */
const mostNames = 8;

/** A figure for somebody who does not see it: what it shows, the axes, what is drawn. */
export function describe(figure: Figure): string {
  const panels = panelsOf(figure);
  const [first] = panels;
  const axes = first === undefined ? [] : [axisWords('Across', first.xaxis), axisWords('Up', first.yaxis)];
  const traces = panels.flatMap((panel) => panel.traces);
  const names = [
    ...new Set(traces.flatMap(({ name, showlegend }) => (name && showlegend !== false ? [plainText(name)] : []))),
  ];
  const shown = names.slice(0, mostNames).join('; ');
  return [
    `${figure.title}.`,
    ...(figure.note === undefined ? [] : [`${figure.note}.`]),
    ...(panels.length > 1 ? [`${panels.length} plots.`] : []),
    ...axes,
    ...(names.length === 0
      ? []
      : [`Drawn: ${shown}${names.length > mostNames ? ` and ${names.length - mostNames} more` : ''}.`]),
  ].join(' ');
}

function axisWords(direction: string, axis: Partial<LayoutAxis>): string {
  const title = axisTitle(axis);
  if (title === '') return '';
  return `${direction}: ${title}${axis.type === 'log' ? ', logarithmic' : ''}.`;
}
