import { fitLineWithin, mean } from '../../numerics/statistics.ts';
import type { Configured } from './groups.ts';
import type { Optimum } from './optimum.ts';
import type { SettingPower } from './prediction.ts';
import { columnsIn, numericSettingOf, numericSettings, type Settings, valuesOf } from './settings.ts';

/**
 * How the optimum moves with each numeric setting that differs: d ln optimum / d ln setting by least squares, where each method at each
 * combination of the other settings is a line of its own and all lines have one slope. Interval: 95 %, Student's t with
 * configurations - lines - 1 degrees of freedom, or as far as the intervals of the optima themselves let the slope move, whichever is
 * wider: optima that all lie on the same rate of a grid are not known to be equal.
 *
 * Settings that follow from this one in every configuration (alpha twice the rank) cannot be held equal while it moves, and its
 * power is that of all of them together. Of two numeric ones that follow from each other the first is told and names the other.
 */
export function powersOf(points: readonly (Configured & { readonly optimum: KnownOptimum })[]): SettingPower[] {
  const columns = columnsIn(points);
  const numeric = numericSettings.flatMap((kind) =>
    columns.filter((column) => numericSettingOf(column) === kind && isNumeric(column, points)),
  );
  const follows = (one: string, other: string): boolean => isFunctionOf(one, other, points);
  const told = numeric.filter(
    (column, i) => !numeric.slice(0, i).some((before) => follows(column, before) && follows(before, column)),
  );
  return told.map((setting) => {
    const movesWith = columns.filter((other) => other !== setting && follows(other, setting));
    const lines = linesAlong(setting, points, movesWith);
    const fit = fitLineWithin(
      lines.map((line) => ({
        x: line.map(({ settings }) => Math.log(Number(settings[setting]))),
        y: line.map(({ optimum }) => Math.log(optimum.learningRate)),
      })),
    );
    const counts = { configurations: lines.flat().length, groups: lines.length };
    if (fit === null) return { setting, movesWith, power: null, low: null, high: null, ...counts };
    if (fit.slopeLow === null || fit.slopeHigh === null)
      return { setting, movesWith, power: fit.slope, low: null, high: null, ...counts };
    const half = Math.max((fit.slopeHigh - fit.slopeLow) / 2, slopeUncertainty(setting, lines));
    return { setting, movesWith, power: fit.slope, low: fit.slope - half, high: fit.slope + half, ...counts };
  });
}

/** An optimum, and if it is known its 95 % interval. */
type KnownOptimum = Pick<Optimum, 'learningRate'> & Partial<Pick<Optimum, 'low' | 'high'>>;

/** Half the 95 % interval of a shared slope that follows from the intervals of the optima, taken for independent. */
function slopeUncertainty(
  setting: string,
  lines: readonly (readonly (Configured & { readonly optimum: KnownOptimum })[])[],
): number {
  let [squares, variance] = [0, 0];
  for (const line of lines) {
    const logs = line.map(({ settings }) => Math.log(Number(settings[setting])));
    const centre = mean(logs);
    for (const [index, { optimum }] of line.entries()) {
      const { learningRate, low = learningRate, high = learningRate } = optimum;
      const part = (logs[index]! - centre) ** 2;
      squares += part;
      variance += part * (Math.log(high / low) / 2) ** 2;
    }
  }
  return Math.sqrt(variance) / squares;
}

/** The configurations that differ in one setting alone, and in those that follow from it: each line ascending, of two or more. */
export function linesAlong<P extends Configured>(
  setting: string,
  points: readonly P[],
  movesWith: readonly string[] = columnsIn(points).filter(
    (other) => other !== setting && isFunctionOf(other, setting, points),
  ),
): P[][] {
  const held = columnsIn(points).filter((column) => column !== setting && !movesWith.includes(column));
  const lines = new Map<string, P[]>();
  for (const point of points) {
    if (!(Number(point.settings[setting]) > 0)) continue;
    const key = JSON.stringify([point.method, held.map((column) => point.settings[column] ?? '')]);
    lines.set(key, [...(lines.get(key) ?? []), point]);
  }
  return [...lines]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, line]) => line.toSorted((a, b) => Number(a.settings[setting]) - Number(b.settings[setting])))
    .filter((line) => line.length > 1);
}

/** Whether a column has two or more values, all positive numbers. */
function isNumeric(column: string, points: readonly { readonly settings: Settings }[]): boolean {
  const values = valuesOf(column, points);
  return values.length > 1 && values.every((value) => Number(value) > 0 && Number.isFinite(Number(value)));
}

/** Whether a setting that differs has one value for each of the other's, as far as configurations have both. */
function isFunctionOf(one: string, other: string, points: readonly { readonly settings: Settings }[]): boolean {
  const pairs = points.flatMap(({ settings }) =>
    settings[one] && settings[other] ? [[settings[other], settings[one]] as const] : [],
  );
  const found = new Map(pairs);
  return new Set(found.values()).size > 1 && pairs.every(([value, result]) => found.get(value) === result);
}
