import { columnsIn, compareValues, type Settings, settingWord } from './settings.ts';

/** What tells one configuration from another. */
export interface Configured {
  /** Its name: `pissa, rank 32, batch 16`. */
  readonly configuration: string;
  readonly method: string;
  readonly settings: Settings;
}

/** The configurations at equal settings: equal in all but the method. */
export interface SettingsGroup {
  /** `rank 2, batch 4`: the settings that differ among the groups; `all` where there is one group. */
  readonly name: string;
  readonly settings: Settings;
  /** By name, in the order of the sweep. */
  readonly configurations: readonly string[];
}

/**
 * The groups at equal settings, in the order of their settings. A configuration with an empty setting, in which it has no choice
 * (LoFT and LoRA+ are optimizers themselves), agrees with any value. Each configuration stands in one group, so that nothing counts
 * twice: one that agrees with several in the one with the most configurations that have all of its settings, and of equally large
 * ones in the first.
 */
export function groupsOf(points: readonly Configured[]): SettingsGroup[] {
  const columns = columnsIn(points);
  const chosen = points.map((point) => chosenIn(point.settings));
  const sizes = new Map<string, number>();
  for (const key of chosen.map(keyOf)) sizes.set(key, (sizes.get(key) ?? 0) + 1);
  const distinct = [...new Map(chosen.map((settings) => [keyOf(settings), settings])).values()];
  const whole = distinct
    .filter((settings) => !distinct.some((other) => other !== settings && includes(other, settings)))
    .sort((a, b) => compareSettings(a, b, columns));
  const home = chosen.map((own) =>
    keyOf(
      whole
        .filter((settings) => includes(settings, own))
        .reduce((best, one) => (sizes.get(keyOf(one))! > sizes.get(keyOf(best))! ? one : best)),
    ),
  );
  const telling = columns.filter((column) => new Set(whole.map((settings) => settings[column] ?? '')).size > 1);
  return whole.map((settings) => ({
    name:
      telling
        .flatMap((column) => (settings[column] === undefined ? [] : [`${settingWord(column)} ${settings[column]}`]))
        .join(', ') || 'all',
    settings,
    configurations: points.filter((_, i) => home[i] === keyOf(settings)).map(({ configuration }) => configuration),
  }));
}

/** Whether two configurations agree in all settings that both have. */
export function haveEqualSettings(
  { settings: a }: Pick<Configured, 'settings'>,
  b: Pick<Configured, 'settings'>,
): boolean {
  return Object.entries(a).every(([name, value]) => value === '' || !b.settings[name] || b.settings[name] === value);
}

/** Whether a configuration is vanilla LoRA's, whatever its settings. */
export function isLora({ method }: Pick<Configured, 'method'>): boolean {
  return method.toLowerCase() === 'lora';
}

/**
 * The LoRA that a configuration is set against: the one of its own group, or, where that has none, the one that agrees with it in all
 * settings that both have. Undefined where there is none, or no telling which of several.
 */
export function loraOf<P extends Configured>(
  point: P,
  points: readonly P[],
  groups: readonly SettingsGroup[],
): P | undefined {
  if (isLora(point)) return point;
  const own = groupOf(point, groups);
  const agreeing = points.filter((other) => isLora(other) && haveEqualSettings(other, point));
  const inGroup = agreeing.filter(({ configuration }) => own.configurations.includes(configuration));
  const candidates = inGroup.length > 0 ? inGroup : agreeing;
  return candidates.length === 1 ? candidates[0] : undefined;
}

/** The other methods at a configuration's settings: those of its group, or, where that has none, those that agree with it. */
export function otherMethodsAt<P extends Configured>(
  point: P,
  points: readonly P[],
  groups: readonly SettingsGroup[],
): P[] {
  const own = groupOf(point, groups);
  const others = points.filter(({ method }) => method !== point.method);
  const inGroup = others.filter(({ configuration }) => own.configurations.includes(configuration));
  return inGroup.length > 0 ? inGroup : others.filter((other) => haveEqualSettings(other, point));
}

/** The group in which a configuration stands. */
function groupOf({ configuration }: Configured, groups: readonly SettingsGroup[]): SettingsGroup {
  return groups.find(({ configurations }) => configurations.includes(configuration))!;
}

/** The settings that are not empty. */
function chosenIn(settings: Settings): Settings {
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== ''));
}

function keyOf(settings: Settings): string {
  return JSON.stringify(Object.entries(settings).sort(([a], [b]) => compareValues(a, b)));
}

/** Whether all of `part` is in `whole`. */
function includes(whole: Settings, part: Settings): boolean {
  return Object.entries(part).every(([name, value]) => whole[name] === value);
}

function compareSettings(a: Settings, b: Settings, columns: readonly string[]): number {
  const column = columns.find((name) => (a[name] ?? '') !== (b[name] ?? ''));
  return column === undefined ? 0 : compareValues(a[column] ?? '', b[column] ?? '');
}
