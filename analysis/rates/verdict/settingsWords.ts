import { geometricMean } from '../../../numerics/statistics.ts';
import { count } from '../format.ts';
import { isLora, type SettingsGroup } from '../groups.ts';
import type { PredictionPoint, SettingPower } from '../prediction.ts';
import { settingTopic } from '../settings.ts';

/** Groups in words: `4 groups of 3 methods`, of those in which there is something to compare; null without any. */
export function groupWords(
  groups: readonly SettingsGroup[],
  points: readonly Pick<PredictionPoint, 'configuration' | 'method'>[],
): string | null {
  const methodOf = new Map(points.map(({ configuration, method }) => [configuration, method]));
  const sizes = groups
    .map(({ configurations }) => new Set(configurations.map((name) => methodOf.get(name))).size)
    .filter((size) => size > 1);
  if (sizes.length === 0) return null;
  const [least, most] = [Math.min(...sizes), Math.max(...sizes)];
  return `${count(sizes.length, 'group')} of ${least === most ? '' : `${least} to `}${most} methods`;
}

/** How the best rate moves with the settings: `The best rate goes as rank^-0.40 (95 % interval -0.70 to -0.10).` */
export function powerSentences(powers: readonly SettingPower[]): string[] {
  const told = powers.filter(({ power }) => power !== null);
  const untold = powers.filter(({ power }) => power === null);
  const terms = told.map((one) => `${settingTopic(one.setting)}^${one.power!.toFixed(2)}${intervalWords(one)}`);
  return [
    ...(terms.length === 0 ? [] : [`The best rate goes as ${joined(terms)}.`]),
    ...told
      .filter(({ movesWith }) => movesWith.length > 0)
      .map(
        ({ setting, movesWith }) =>
          `What ${settingTopic(setting)} does cannot be told from what ${joined(movesWith.map(settingTopic))} ${movesWith.length > 1 ? 'do' : 'does'}, for they move together.`,
      ),
    ...(untold.length === 0
      ? []
      : [
          `How it goes with ${joined(untold.map(({ setting }) => settingTopic(setting)))} cannot be told: no two configurations of one method differ in that alone.`,
        ]),
  ];
}

/** The best rates of the methods over LoRA's at equal settings, each the geometric mean over its configurations. */
export function ratioSentences(points: readonly PredictionPoint[]): string[] {
  const ratios = new Map<string, number[]>();
  for (const point of points)
    if (point.ratioToLora !== null && !isLora(point))
      ratios.set(point.method, [...(ratios.get(point.method) ?? []), point.ratioToLora.value]);
  if (ratios.size === 0) return [];
  const words = [...ratios].map(([method, values]) => `${Number(geometricMean(values).toPrecision(2))} (${method})`);
  const isMean = [...ratios.values()].some((values) => values.length > 1);
  return [
    `At equal settings the best rates are ${joined(words)} times LoRA’s${isMean ? ', in the geometric mean' : ''}.`,
  ];
}

function intervalWords({ low, high }: SettingPower): string {
  return low === null || high === null ? '' : ` (95 % interval ${low.toFixed(2)} to ${high.toFixed(2)})`;
}

/** `a`, `a and b`, `a, b and c`. */
function joined(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;
}
