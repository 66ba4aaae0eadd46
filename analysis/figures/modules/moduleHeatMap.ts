import type { Data } from 'plotly.js';
import { quantile } from '../../../numerics/statistics.ts';
import { baseLayout, escapeMarkup, type Figure, logAxis } from '../figure.ts';
import { told } from '../findingWords.ts';
import { panelled } from '../panels.ts';
import { kindsOf, modulePlaces } from './moduleGrid.ts';

/** Both ends of the spectrum of one module's own block. */
export interface ModuleEnds {
  readonly name: string;
  readonly lambdaMax: number;
  readonly lambdaMin: number;
}

/** From nearly white to dark, so that a print in grey tells as much. */
const blues: [number, string][] = [
  [0, '#e8f2f9'],
  [0.5, '#5aa9d6'],
  [1, '#003a5d'],
];

/** Heat maps side by side at most. */
const mostMaps = 9;

/**
 * lambda_max of each module's own block, a row for each layer and a column for each kind of module, with colours on a log
 * scale. Blocks without positive curvature are left empty. `all` gives several maps one scale: the values of all of them.
 */
export function moduleHeatMap(modules: readonly ModuleEnds[], all = modules.map(({ lambdaMax }) => lambdaMax)): Figure {
  const { trace, layers, xaxis } = heatMapOf(modules, all);
  return {
    title: titleOf(modules),
    data: [trace],
    layout: baseLayout(xaxis, { type: 'category', showgrid: false }, 150 + rowHeight * Math.max(layers, 2)),
  };
}

/** The heat maps of several configurations, with one scale of colours. */
export function moduleHeatMaps(
  measured: readonly { readonly configuration: string; readonly modules: readonly ModuleEnds[] }[],
): Figure {
  const shown = measured.slice(0, mostMaps);
  const all = shown.flatMap(({ modules }) => modules.map(({ lambdaMax }) => lambdaMax));
  const maps = shown.map(({ configuration, modules }) => ({ configuration, modules, ...heatMapOf(modules, all) }));
  const sharpest = maps.reduce((most, one) => (peakOf(one.modules) > peakOf(most.modules) ? one : most));
  const title = `With ${sharpest.configuration}, ${titleOf(sharpest.modules)}`;
  const yaxis = { type: 'category', showgrid: false } as const;
  const panels = maps.map(({ configuration, trace, xaxis }, i) => ({
    ...{ title: configuration, data: [{ ...trace, showscale: i === 0 } as Data], xaxis },
  }));
  const plotHeight = rowHeight * Math.max(2, ...maps.map(({ layers }) => layers));
  const figure = panelled(title, panels, yaxis, { columns: 2, plotHeight });
  return shown.length < measured.length
    ? { ...figure, note: `${shown.length} of ${measured.length} configurations are shown` }
    : figure;
}

const rowHeight = 34;

function heatMapOf(modules: readonly ModuleEnds[], all: readonly number[]) {
  const places = modulePlaces(modules.map(({ name }) => name));
  const kinds = kindsOf(places);
  const layers = [...new Set([...places.values()].map(({ layer }) => layer))].sort((a, b) => (a ?? -1) - (b ?? -1));
  const cells = layers.map((layer) =>
    kinds.map((kind) =>
      modules.find(({ name }) => places.get(name)!.layer === layer && places.get(name)!.kind === kind),
    ),
  );
  const { range, tickvals, ticktext } = logAxis('', all);
  const trace: Data = {
    type: 'heatmap',
    name: 'log10 λmax',
    showlegend: false,
    x: kinds.map(escapeMarkup),
    y: layers.map((layer) => (layer === null ? 'others' : `layer ${layer}`)),
    z: cells.map((row) => row.map((cell) => (cell && cell.lambdaMax > 0 ? Math.log10(cell.lambdaMax) : null))),
    text: cells.map((row) => row.map((cell) => (cell ? shown(cell.lambdaMax) : ''))) as unknown as string[],
    customdata: cells.map((row) => row.map((cell) => (cell ? escapeMarkup(hoverOf(cell)) : ''))) as unknown as string[],
    texttemplate: '%{text}',
    hovertemplate: '%{customdata}<extra></extra>',
    colorscale: blues,
    zmin: range[0],
    zmax: range[1],
    xgap: 2,
    ygap: 2,
    colorbar: {
      title: { text: 'λmax' },
      tickvals: tickvals!.map((value) => Math.log10(value as number)),
      ticktext: ticktext as string[],
      thickness: 14,
      outlinewidth: 0,
      // Of a few layers the map is lower than a bar that can be read.
      lenmode: layers.length > 4 ? 'fraction' : 'pixels',
      len: layers.length > 4 ? 1 : 150,
      y: 1,
      yanchor: 'top',
    },
  };
  const xaxis = { type: 'category', showgrid: false, tickangle: kinds.length > 4 ? -45 : 0 } as const;
  return { trace, layers: layers.length, xaxis };
}

function peakOf(modules: readonly ModuleEnds[]): number {
  return Math.max(...modules.map(({ lambdaMax }) => lambdaMax));
}

function shown(value: number): string {
  return String(Number(value.toPrecision(2)));
}

function hoverOf({ name, lambdaMax, lambdaMin }: ModuleEnds): string {
  return `${name}: λmax ${lambdaMax.toPrecision(4)}, λmin ${lambdaMin.toPrecision(4)}`;
}

function titleOf(modules: readonly ModuleEnds[]): string {
  const sharpest = modules.reduce<ModuleEnds | undefined>(
    (most, one) => (most === undefined || one.lambdaMax > most.lambdaMax ? one : most),
    undefined,
  );
  if (sharpest === undefined) return 'No module was measured';
  const median = quantile(
    modules.map(({ lambdaMax }) => lambdaMax),
    0.5,
  );
  const { layer, kind } = modulePlaces(modules.map(({ name }) => name)).get(sharpest.name)!;
  const times = median > 0 ? `, ${told(sharpest.lambdaMax / median)} times the median module’s` : '';
  return `${kind}${layer === null ? '' : ` of layer ${layer}`} is the sharpest module: λmax ${told(sharpest.lambdaMax)}${times}`;
}
