import { capital } from '../rates/format.ts';
import type { PredictionPoint, SettingPower } from '../rates/prediction.ts';
import { settingTopic } from '../rates/settings.ts';
import { type Figure, logAxis } from './figure.ts';
import { settingPanels } from './settingPanels.ts';

/**
 * The best rate against each numeric setting that differs, both axes logarithmic: a panel for each setting, in it a line for each method
 * at each combination of the other settings, the optima with their intervals. A power is a straight line.
 */
export function optimumBySetting(points: readonly PredictionPoint[], powers: readonly SettingPower[]): Figure {
  const shown = points.flatMap(({ optimum }) => [optimum.low, optimum.high]);
  return settingPanels(points, powers, {
    title: titleOf(powers),
    yaxis: logAxis('best learning rate', shown),
    of: ({ optimum: { learningRate, low, high } }) => ({ value: learningRate, low, high }),
    panelTitle,
    hover: 'optimum %{y:.3g}',
  });
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
