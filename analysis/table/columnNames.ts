/** What a column can be for a sweep. */
export const columnRoles = ['rate', 'score', 'method', 'seed', 'status', 'lambda', 'configuration'] as const;

export type ColumnRole = (typeof columnRoles)[number];

/**
 * The names under which tools and people write these columns, in the order of preference, inner arrays being of equal rank; compared
 * as {@link plainName} makes them.
 */
export const roleNames: Readonly<Record<ColumnRole, readonly (readonly string[])[]>> = {
  rate: [
    ['learning rate', 'lr', 'learningrate'],
    [
      'base lr',
      'base learning rate',
      'peak lr',
      'max lr',
      'max learning rate',
      'initial lr',
      'init lr',
      'initial learning rate',
    ],
    ['optimizer lr', 'optim lr', 'eta', 'rate'],
  ],
  score: [
    ['score'],
    ['value', 'objective', 'objective value', 'metric'],
    ['eval', 'validation', 'val', 'valid', 'dev'].flatMap((split) => measuredOn(split)),
    measuredOn('test'),
    [...measures(), 'mean accuracy'],
    ['final loss', 'final accuracy'],
    measuredOn('train'),
  ],
  method: [
    ['method', 'lora method', 'adapter method', 'peft method'],
    ['variant', 'lora variant', 'adapter', 'adapter type', 'lora type'],
    ['peft type'],
    ['init lora weights', 'init method', 'initialization', 'initialisation'],
  ],
  seed: [
    ['seed', 'random seed', 'random state', 'train seed', 'run seed'],
    ['repeat', 'replicate', 'repetition', 'rep'],
    ['data seed'],
  ],
  status: [['status'], ['state', 'run status', 'trial status', 'trial state', 'run state'], ['done']],
  lambda: [
    ['lambda max', 'lambdamax'],
    ['top eigenvalue', 'max eigenvalue'],
  ],
  configuration: [['configuration']],
};

function measures(): string[] {
  return [
    'loss',
    'accuracy',
    'acc',
    'f1',
    'perplexity',
    'ppl',
    'bleu',
    'rouge',
    'rouge l',
    'exact match',
    'error',
    'error rate',
  ];
}

function measuredOn(split: string): string[] {
  return measures().map((measure) => `${split} ${measure}`);
}

/** Which way a score with such a word in its name improves. */
export const directionWords = {
  lower: ['loss', 'perplexity', 'ppl', 'error', 'nll', 'rmse', 'mse', 'mae', 'wer', 'cer'],
  higher: ['accuracy', 'acc', 'f1', 'bleu', 'rouge', 'exact match', 'reward', 'auc', 'recall', 'precision'],
} as const;

/** Settings of a run other than its rate and seed: runs that differ in one are of different configurations. */
const settingNames = new Set([
  ...[
    'rank',
    'r',
    'lora r',
    'lora rank',
    'alpha',
    'lora alpha',
    'scaling',
    'lora dropout',
    'dropout',
    'use rslora',
    'use dora',
  ],
  ...[
    'target modules',
    'modules',
    'lora target',
    'lora target modules',
    'init lora weights',
    'peft type',
    'adapter',
    'bias',
  ],
  ...[
    'batch size',
    'batch',
    'bs',
    'train batch size',
    'per device train batch size',
    'micro batch size',
    'global batch size',
  ],
  ...['effective batch size', 'gradient accumulation steps', 'gradient accumulation', 'grad accum', 'grad accum steps'],
  ...[
    'model',
    'model id',
    'model path',
    'model name or path',
    'base model',
    'base model name or path',
    'checkpoint',
    'pretrained',
  ],
  ...[
    'architecture',
    'arch',
    'model size',
    'hidden size',
    'width',
    'depth',
    'layers',
    'num layers',
    'task',
    'dataset',
    'data',
  ],
  ...[
    'data set',
    'dataset path',
    'train file',
    'optimizer',
    'optimiser',
    'optim',
    'scheduler',
    'schedule',
    'lr scheduler',
  ],
  ...[
    'lr scheduler type',
    'lr schedule',
    'warmup',
    'warmup steps',
    'warmup ratio',
    'num warmup steps',
    'weight decay',
    'wd',
    'decay',
  ],
  ...[
    'betas',
    'beta 1',
    'beta 2',
    'beta1',
    'beta2',
    'adam beta1',
    'adam beta2',
    'adam beta 1',
    'adam beta 2',
    'eps',
    'epsilon',
  ],
  ...[
    'adam epsilon',
    'momentum',
    'max grad norm',
    'grad clip',
    'clip',
    'gradient clipping',
    'gradient clip val',
    'clip grad norm',
  ],
  ...[
    'epochs',
    'num epochs',
    'num train epochs',
    'max epochs',
    'n epochs',
    'max steps',
    'train steps',
    'num steps',
    'total steps',
  ],
  ...[
    'num training steps',
    'max train steps',
    'iterations',
    'max length',
    'max seq length',
    'seq length',
    'sequence length',
    'seq len',
  ],
  ...[
    'block size',
    'context length',
    'max seq len',
    'precision',
    'dtype',
    'torch dtype',
    'bf 16',
    'fp 16',
    'bf16',
    'fp16',
    'quantization',
  ],
  ...[
    'load in 4 bit',
    'load in 8 bit',
    'load in 4bit',
    'load in 8bit',
    'bits',
    'lora plus ratio',
    'loraplus lr ratio',
    'template',
  ],
  ...[
    'num samples',
    'train samples',
    'max train samples',
    'train size',
    'data size',
    'label smoothing',
    'label smoothing factor',
    'packing',
  ],
  ...['neftune noise alpha', 'loss type', 'loss function'],
]);

/** Columns that change no number of a run: identifiers, places, places in time, and how often a run was looked at. */
const harmless = new Set([
  ...[
    'number',
    'trial',
    'trial id',
    'trial number',
    'index',
    'unnamed 0',
    'run',
    'run id',
    'run name',
    'name',
    'id',
    'key',
    'uuid',
  ],
  ...[
    'experiment id',
    'experiment tag',
    'experiment name',
    'artifact uri',
    'output dir',
    'logging dir',
    'log dir',
    'logdir',
    'save dir',
  ],
  ...[
    'hub model id',
    'report to',
    'display name',
    'lifecycle stage',
    'source',
    'created',
    'user',
    'user id',
    'notes',
    'runtime',
    'commit',
  ],
  ...['hostname', 'host', 'node ip', 'pid', 'date', 'timestamp', 'duration', 'done', 'iterations since restore'],
  ...[
    'timesteps total',
    'episodes total',
    'timesteps since restore',
    'checkpoint dir name',
    'should checkpoint',
    'epoch',
    'step',
    'global step',
    'steps taken',
    'lambda pre',
    'gradient norm',
  ],
  ...[
    'state',
    'status',
    'hidden',
    'logging steps',
    'eval steps',
    'save steps',
    'eval batch size',
    'per device eval batch size',
  ],
  ...[
    'dataloader num workers',
    'num workers',
    'save total limit',
    'version',
    'url',
    'best step',
    'best epoch',
    'run group',
    'tokens',
  ],
]);

/** Words of what is measured of a run: a column with one in its name is an outcome, unless it is a known setting. */
const outcomeWords = new Set([
  ...[
    'loss',
    'accuracy',
    'acc',
    'f1',
    'bleu',
    'rouge',
    'perplexity',
    'ppl',
    'exact',
    'correct',
    'error',
    'reward',
    'score',
    'metric',
  ],
  ...[
    'runtime',
    'time',
    'duration',
    'seconds',
    'minutes',
    'hours',
    'timestamp',
    'datetime',
    'date',
    'created',
    'updated',
    'elapsed',
  ],
  ...[
    'memory',
    'flops',
    'flos',
    'norm',
    'lambda',
    'eigenvalue',
    'sharpness',
    'hessian',
    'std',
    'stderr',
    'sem',
    'variance',
    'throughput',
  ],
]);

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

/**
 * What a column that has no role is: a setting of the run, a further seed, how far the run came, nothing that changes a number, or not
 * known.
 */
export function kindOf(column: string): 'setting' | 'seed' | 'progress' | 'harmless' | 'unknown' {
  if (isLogged(column)) return 'harmless';
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
