import { LambdamaxError } from '../../errors.ts';

/** Which modules a configuration of PEFT chooses, in PEFT's words. */
export interface PeftTargets {
  /** Names as PEFT matches them: a list of endings, or one regular expression for the whole name. */
  readonly targetModules: readonly string[] | string;
  /** Modules that are left out, named in the same way. */
  readonly excludeModules?: readonly string[] | string;
  /** The layers, by their numbers, whose modules the list chooses; all if absent. */
  readonly layersToTransform?: readonly number[];
  /** What stands before a layer's number in a module's name; anything if absent. */
  readonly layersPattern?: readonly string[];
  /** Endings of the names of modules that were trained themselves. */
  readonly modulesToSave?: readonly string[];
}

/**
 * Whether PEFT adapts the linear layer of a block that has this full name. Agrees with PEFT's `check_target_module_exists`.
 * Throws a LambdamaxError for a pattern that is no regular expression.
 */
export function isTargeted(module: string, targets: PeftTargets): boolean {
  const { targetModules, excludeModules, layersToTransform, modulesToSave = [] } = targets;
  if (excludeModules !== undefined && isNamed(module, excludeModules)) return false;
  if (modulesToSave.some((name) => pythonPattern(`(?:^|.*\\.)${name}(?:$|\\..*)`).test(module))) return false;
  // PEFT's word for every linear layer but the output projection.
  if (typeof targetModules === 'string' && targetModules.toLowerCase() === 'all-linear') return true;
  if (!isNamed(module, targetModules)) return false;
  if (layersToTransform === undefined || targetModules.includes(module)) return true;
  const layer = layerOf(module, targets.layersPattern);
  return layer !== undefined && layersToTransform.includes(layer);
}

/** Whether PEFT's `modules_to_save` names this module: by any end of its name, in the middle of a word too. */
export function isSaved(module: string, { modulesToSave = [] }: Pick<PeftTargets, 'modulesToSave'>): boolean {
  return modulesToSave.some((name) => module.endsWith(name));
}

/** Whether a pattern of ranks or alphas counts for a module: a regular expression for the end of its name. */
export function endsAs(module: string, pattern: string): boolean {
  return pythonPattern(`(?:.*\\.)?(?:${pattern})`, pattern).test(module);
}

/** Whether one of the endings, or the regular expression, fits a module's name. */
function isNamed(module: string, names: readonly string[] | string): boolean {
  if (typeof names === 'string') return pythonPattern(names).test(module);
  return names.some((name) => module === name || module.endsWith(`.${name}`));
}

/** The first number in a module's name with something before it. */
function layerOf(module: string, patterns: readonly string[] | undefined): number | undefined {
  const befores = patterns === undefined || patterns.length === 0 ? ['[^.]*'] : patterns;
  for (const before of befores) {
    const start = patterns === undefined || patterns.length === 0 ? '.*?\\.' : '(?:^|.*?\\.)';
    const found = pythonPattern(`${start}(?:${before})\\.(?<layer>\\d+)\\..*`, before).exec(module)?.groups?.layer;
    if (found !== undefined) return Number(found);
  }
  return undefined;
}

/** A regular expression of Python's for a whole name. Throws a LambdamaxError that shows it if it is none in JavaScript. */
function pythonPattern(source: string, shown = source): RegExp {
  const translated = source
    .replaceAll('(?P<', '(?<')
    .replaceAll(/\(\?P=(\w+)\)/g, '\\k<$1>')
    .replaceAll('\\A', '^')
    .replaceAll('\\Z', '$');
  try {
    return new RegExp(`^(?:${translated})$`);
  } catch (cause) {
    const expected = 'the end of a module name, or a regular expression';
    throw new LambdamaxError({ subject: `module pattern ${JSON.stringify(shown)}`, expected, cause });
  }
}

/** One rank and one alpha, and others for modules that PEFT's patterns name. */
export interface SizePatterns {
  readonly rank: number;
  readonly alpha: number;
  readonly rankPattern: Readonly<Record<string, number>>;
  readonly alphaPattern: Readonly<Record<string, number>>;
}

/** Rank and alpha of one module. A pattern counts as in PEFT: a regular expression for the end of the name, the first wins. */
export function sizeOfModule(
  module: string,
  { rank, alpha, rankPattern, alphaPattern }: SizePatterns,
): { rank: number; alpha: number } {
  return { rank: patternValue(rankPattern, module) ?? rank, alpha: patternValue(alphaPattern, module) ?? alpha };
}

function patternValue(patterns: Readonly<Record<string, number>>, module: string): number | undefined {
  return Object.entries(patterns).find(([pattern]) => endsAs(module, pattern))?.[1];
}
