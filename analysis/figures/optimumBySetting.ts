import type { Data } from 'plotly.js';
import { capital } from '../rates/format.ts';
import { linesAlong } from '../rates/powers.ts';
import type { PredictionPoint, SettingPower } from '../rates/prediction.ts';
import { settingTopic, valuesOf } from '../rates/settings.ts';
import { escapeMarkup, type Figure, logAxis } from './figure.ts';
import { methodStyles } from './methodStyle.ts';
import { panelled } from './panels.ts';

/** How far methods stand apart at one value of a setting, as a factor, so that intervals do not cover one another. */
const apart = 1.03;

/**
 * The best rate against each numeric setting that differs, both axes logarithmic: a panel for each setting, in it a line for each method
 * at each combination of the other settings, the optima with their intervals. A power is a straight line.
 */
export function optimumBySetting(points: readonly PredictionPoint[], powers: readonly SettingPower[]): Figure {
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
        return {
          ...{ type: 'scatter', mode: 'lines+markers', showlegend },
          name: escapeMarkup(method),
          legendgroup: escapeMarkup(method),
          x: line.map(({ settings }) => Number(settings[setting]) * shift),
          // Where they stand indeed.
          customdata: line.map(({ settings }) => Number(settings[setting])),
          y: line.map(({ optimum }) => optimum.learningRate),
          error_y: {
            type: 'data',
            symmetric: false,
            array: line.map(({ optimum }) => optimum.high - optimum.learningRate),
            arrayminus: line.map(({ optimum }) => optimum.learningRate - optimum.low),
            ...{ color, thickness: 1, width: 2 },
          },
          text: line.map((point) => escapeMarkup(point.configuration)),
          line: { color, width: 1.5 },
          marker: { color, symbol, size: 8 },
          hovertemplate: '%{text}<br>optimum %{y:.3g}<extra></extra>',
        };
      });
      const ticks = { tickvals: values.map(Number), ticktext: values };
      const ends = values.flatMap((value) => [Number(value) / 1.2, Number(value) * 1.2]);
      const words = [setting, ...power.movesWith].map(settingTopic).join(', ');
      return { title: panelTitle(power), data, xaxis: { ...logAxis(words, ends), ...ticks } };
    });
  const shown = points.flatMap(({ optimum }) => [optimum.low, optimum.high]);
  return panelled(titleOf(powers), panels, logAxis('best learning rate', shown), { columns: 2, plotHeight: 300 });
}

/** Each power in words. */
function titleOf(powers: readonly SettingPower[]): string {
  const words = powers.flatMap(({ setting, power, low, high }) => {
    if (power === null) return [];
    const topic = settingTopic(setting);
    const isNone = low !== null && high !== null && low <= 0 && high >= 0;
    return [isNone ? `not told to move with ${topic}` : `${topic} to the power ${power.toFixed(2)}`];
  });
  return `The best rate goes as ${words.join(', ')}`
    .replace(/ goes as not/, ' is not')
    .replaceAll(', not', ', and is not');
}

/** `Rank^-0.40 (-0.70 to -0.10)`. */
function panelTitle({ setting, power, low, high }: SettingPower): string {
  const interval = low === null || high === null ? '' : ` (${low.toFixed(2)} to ${high.toFixed(2)})`;
  return `${capital(settingTopic(setting))}^${power!.toFixed(2)}${interval}`;
}
