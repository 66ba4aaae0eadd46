import type { Data } from 'plotly.js';
import { quantile } from '../../numerics/statistics.ts';
import { baseLayout, escapeMarkup, type Figure, logAxis } from './figure.ts';
import { told } from './findingWords.ts';
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

/**
 * lambda_max of each module's own block, a row for each layer and a column for each kind of module, with colours on a log
 * scale. Blocks without positive curvature are left empty. `all` gives several maps one scale: the values of all of them.
 */
export function moduleHeatMap(modules: readonly ModuleEnds[], all = modules.map(({ lambdaMax }) => lambdaMax)): Figure {
  const places = modulePlaces(modules.map(({ name }) => name));
  const kinds = kindsOf(places);
  const layers = [...new Set([...places.values()].map(({ layer }) => layer))].sort((a, b) => (a ?? -1) - (b ?? -1));
  const cells = layers.map((layer) =>
    kinds.map((kind) =>
      modules.find(({ name }) => places.get(name)!.layer === layer && places.get(name)!.kind === kind),
    ),
  );
  const { range, tickvals, ticktext } = logAxis('', all);
  const data: Data = {
    type: 'heatmap',
    name: 'log10 λmax',
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
  return {
    title: titleOf(modules),
    data: [data],
    layout: baseLayout(
      { type: 'category', showgrid: false, tickangle: kinds.length > 4 ? -45 : 0 },
      { type: 'category', showgrid: false },
      150 + 34 * Math.max(layers.length, 2),
    ),
  };
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
