import type { Data, LayoutAxis } from 'plotly.js';
import { linesAlong } from '../rates/powers.ts';
import type { PredictionPoint, SettingPower } from '../rates/prediction.ts';
import { settingTopic, valuesOf } from '../rates/settings.ts';
import { escapeMarkup, type Figure, logAxis } from './figure.ts';
import { methodStyles } from './methodStyle.ts';
import { panelled } from './panels.ts';

/** How far methods stand apart at one value of a setting, as a factor, so that intervals do not cover one another. */
const apart = 1.03;

/** A quantity of a configuration with its interval. */
export interface Measured {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** What is drawn against settings. */
export interface SettingQuantity {
  /** What the figure shows. */
  readonly title: string;
  readonly yaxis: Partial<LayoutAxis>;
  readonly of: (point: PredictionPoint) => Measured;
  readonly panelTitle: (power: SettingPower) => string;
  /** How plotly writes a value. */
  readonly hover: string;
}

/**
 * A quantity against each numeric setting that differs, on a logarithmic axis: a panel for each setting, in it a line for each method at
 * each combination of the other settings, with intervals.
 */
export function settingPanels(
  points: readonly PredictionPoint[],
  powers: readonly SettingPower[],
  quantity: SettingQuantity,
): Figure {
  const methods = [...new Set(points.map(({ method }) => method))];
  const styles = methodStyles(methods.map((method) => ({ configuration: method, method })));
  const inLegend = new Set<string>();
  const panels = powers
    .filter(({ power }) => power !== null)
    .map((power) => {
      const { setting } = power;
      const values = valuesOf(setting, points);
      const lines = linesAlong(setting, points, power.movesWith).sort(
        ([a], [b]) => methods.indexOf(a!.method) - methods.indexOf(b!.method),
      );
      const data = lines.map((line): Data => {
        const { method } = line[0]!;
        const { color, symbol } = styles.get(method)!;
        const showlegend = !inLegend.has(method);
        inLegend.add(method);
        const shift = apart ** (methods.indexOf(method) - (methods.length - 1) / 2);
        const measured = line.map(quantity.of);
        return {
          ...{ type: 'scatter', mode: 'lines+markers', showlegend },
          name: escapeMarkup(method),
          legendgroup: escapeMarkup(method),
          x: line.map(({ settings }) => Number(settings[setting]) * shift),
          // Where they stand indeed.
          customdata: line.map(({ settings }) => Number(settings[setting])),
          y: measured.map(({ value }) => value),
          error_y: {
            type: 'data',
            symmetric: false,
            array: measured.map(({ value, high }) => high - value),
            arrayminus: measured.map(({ value, low }) => value - low),
            ...{ color, thickness: 1, width: 2 },
          },
          text: line.map((point) => escapeMarkup(point.configuration)),
          line: { color, width: 1.5 },
          marker: { color, symbol, size: 8 },
          hovertemplate: `%{text}<br>${quantity.hover}<extra></extra>`,
        };
      });
      const ticks = { tickvals: values.map(Number), ticktext: values };
      const ends = values.flatMap((value) => [Number(value) / 1.2, Number(value) * 1.2]);
      const words = [setting, ...power.movesWith].map(settingTopic).join(', ');
      return { title: quantity.panelTitle(power), data, xaxis: { ...logAxis(words, ends), ...ticks } };
    });
  return panelled(quantity.title, panels, quantity.yaxis, { columns: 2, plotHeight: 300 });
}
