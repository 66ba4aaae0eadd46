import { capital } from '../rates/format.ts';
import type { PredictionPoint, SettingPower } from '../rates/prediction.ts';
import { settingTopic, valuesOf } from '../rates/settings.ts';
import { type Sweep, shortfall } from '../rates/sweep.ts';
import { escapeMarkup, type Figure } from './figure.ts';
import { told } from './findingWords.ts';
import { settingPanels } from './settingPanels.ts';

/**
 * The best score that each configuration comes to against each numeric setting that differs (rank, batch, steps): a panel for each
 * setting, in it a line for each method at each combination of the other settings; shares with their confidence intervals.
 */
export function scoreBySetting(
  sweep: Sweep,
  points: readonly PredictionPoint[],
  powers: readonly SettingPower[],
): Figure {
  return settingPanels(points, powers, {
    title: titleOf(sweep, points, powers),
    yaxis: {
      title: { text: `best ${escapeMarkup(sweep.context?.score ?? 'score')} (${sweep.scoreDirection} is better)` },
      ...(sweep.isShare && { tickformat: '.0%' }),
    },
    of: ({ optimum: { score, scoreInterval = [score, score] } }) => ({
      ...{ value: score, low: scoreInterval[0], high: scoreInterval[1] },
    }),
    panelTitle: ({ setting }) => capital(settingTopic(setting)),
    hover: sweep.isShare ? 'best %{y:.1%}' : 'best %{y:.4g}',
  });
}

/** At which value of each setting the best of all scores is. */
function titleOf(
  { scoreDirection, isShare }: Sweep,
  points: readonly PredictionPoint[],
  powers: readonly SettingPower[],
): string {
  const best = points.reduce((most, one) =>
    shortfall(one.optimum.score, most.optimum.score, scoreDirection) < 0 ? one : most,
  );
  const settings = powers.map(({ setting }) => {
    const values = valuesOf(setting, points);
    const own = best.settings[setting] ?? '';
    const place = own === values.at(-1) ? 'the largest' : own === values[0] ? 'the smallest' : 'neither end';
    return `${settingTopic(setting)} ${own} (${place})`;
  });
  const score = isShare ? `${(100 * best.optimum.score).toFixed(1)} %` : told(best.optimum.score);
  return `The best score, ${score}, is reached at ${settings.join(', ')}`;
}
