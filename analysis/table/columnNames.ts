import { harmless, outcomeWords, roleNames, settingNames } from './wellKnownNames.ts';

/** A name in words: without its tool's prefix, in small letters, parted at signs and where capitals begin. */
export function plainName(column: string): string {
  return wordsOf(ownPart(column));
}

function wordsOf(name: string): string {
  return name
    .replace(/([a-z\d])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, ' ')
    .trim();
}

/** Where a tool keeps what a run was asked to do, and what came of it. */
const configPrefix = /^(params?_|params?[./]|config[./_]|hparams?[./_]|hyperparameters?[./]|args[./])/i;
const outcomePrefix =
  /^(metrics?[./]|summary[./]|_wandb|system[./]|system_attrs_|tags\.mlflow\.|perf[./]|timers[./]|datetime_)/i;
const otherPrefix = /^(user_attrs_|tags\.)/i;
/** Trainer's logs in W&B: `train/loss`, `eval/samples_per_second`. */
const logged = /^(train|eval|test|val|valid|validation|profiling|memory|time)\//i;

function ownPart(column: string): string {
  const inner = [configPrefix, outcomePrefix, otherPrefix].reduce((name, prefix) => name.replace(prefix, ''), column);
  // Of a nested setting, `config/train_loop_config/lr` or W&B's `config.lr.value`, the last part that names it.
  return isConfig(column)
    ? inner
        .replace(/[/.]value$/, '')
        .split(/[/.]/)
        .at(-1)!
    : inner;
}

/** Whether a column is one of those in which a tool keeps the settings of runs: `params_lr`, `config/lr`. */
export function isConfig(column: string): boolean {
  return configPrefix.test(column);
}

/** Whether a column can only be something measured during a run, whatever it is called after its prefix. */
export function isLogged(column: string): boolean {
  return logged.test(column) || outcomePrefix.test(column);
}

/** Whether a column has the usual name of a setting. */
export function isKnownSetting(column: string): boolean {
  const name = plainName(column);
  return settingNames.has(name) || settingNames.has(name.replace(/ name$/, ''));
}

/** What our own tables say of a configuration besides its settings. */
const ownFindings = /^(predicted|price|limit)_|^(starts_at_zero_b|runs_planned|scored_by|trained_by)$/;

/**
 * What a column that has no role is: a setting of the run, a further seed, how far the run came, nothing that changes a number, or not
 * known.
 */
export function kindOf(column: string): 'setting' | 'seed' | 'progress' | 'harmless' | 'unknown' {
  if (isLogged(column) || ownFindings.test(column)) return 'harmless';
  const name = plainName(column);
  if (/\b(seed|random state)$/.test(name)) return 'seed';
  if (name === 'steps' || name === 'training iteration') return 'progress';
  if (isKnownSetting(column)) return 'setting';
  if (harmless.has(name) || roleNames.score.flat().includes(name)) return 'harmless';
  if (isConfig(column)) return 'setting';
  return name.split(' ').some((word) => outcomeWords.has(word)) ? 'harmless' : 'unknown';
}

/** Whether a column can say at which moment of a run its row was written: `step`, `epoch`, `train/global_step`, `_step`. */
export function isMoment(column: string): boolean {
  return /(^| )(step|epoch|iteration|iter)$/.test(plainName(column)) && plainName(column) !== 'training iteration';
}

/** What a column is called in a configuration's name. */
export function settingLabel(column: string): string {
  return ownPart(column).replaceAll('_', ' ');
}
