import { adapterDefaults } from '../../training/adapters/defaults.ts';
import { isMethodFile } from '../../training/adapters/methodFile.ts';
import type { Arguments, OptionGroup } from '../command.ts';
import { methodNames } from './names.ts';
import { value } from './options.ts';
import { UsageError } from './usageError.ts';
import {
  atMostOne,
  type Given,
  given,
  list,
  named,
  number,
  optional,
  type Parser,
  pattern,
  text,
  wholeNumber,
} from './values.ts';

/** `--adapter`, or `--method` and its size */
export const adapterOptions: OptionGroup = {
  adapter: value('Adapter', 'DIR', 'PEFT adapter folder, used as it is, instead of --method'),
  method: {
    ...value(
      'Adapter',
      'NAME',
      async () =>
        `LoRA variant: ${(await methodNames()).join(', ')}; with settings behind it (lora-ga:direction=ArBr); ` +
        'or a file of your own, ./NAME.ts',
    ),
    alias: 'methods',
    choices: methodNames,
  },
  // Without defaults of yargs: what was given beside --adapter must be told from what was not.
  rank: value('Adapter', 'N', `rank r of the update (${adapterDefaults.rank} if not given)`),
  alpha: value('Adapter', 'X', `the update is scaled by alpha / rank (${adapterDefaults.alpha} if not given)`),
  'rank-pattern': value('Adapter', 'NAME=N,..', 'other ranks, of modules with such an end of their names'),
  'alpha-pattern': value('Adapter', 'NAME=X,..', 'other alphas'),
  'target-modules': value(
    'Adapter',
    'MODULES',
    `adapted layers: ${adapterDefaults.targetModules} (if not given), a,b,c (ends of names) or a regular expression`,
  ),
  'init-seed': value(
    'Adapter',
    'N',
    `seed of random initial values; if not given ${adapterDefaults.initSeed}, in a study each run's own seed`,
  ),
};

export type AdapterSizeOptions = {
  readonly rank: number;
  readonly alpha: number;
  readonly targetModules: string;
} & Given<{
  initSeed: number | undefined;
  rankPattern: Readonly<Record<string, number>> | undefined;
  alphaPattern: Readonly<Record<string, number>> | undefined;
}>;

export type AdapterChoice = AdapterSizeOptions & Given<{ adapter: string | undefined; method: string | undefined }>;

/**
 * @throws UsageError for --adapter together with --method (but for the file that the adapter was made with) or with any
 *   option that only a new adapter can have.
 */
export function parseAdapter(args: Arguments): AdapterChoice {
  const method = optional(args, 'method', text);
  if (method === undefined || !isMethodFile(method)) atMostOne(args, 'adapter', 'method');
  const sizes = ['rank', 'alpha', 'rank-pattern', 'alpha-pattern', 'target-modules', 'init-seed'];
  const beside = args.adapter === undefined ? undefined : sizes.find((name) => args[name] !== undefined);
  if (beside !== undefined)
    throw new UsageError({
      subject: `--${beside} beside --adapter`,
      expected: 'one of them',
      got: 'both',
      remedy: 'an adapter is used as it is: leave the other out',
    });
  const pattern = (name: string, parse: Parser<number>) => {
    const entries = optional(args, name, list(named(parse, 'down_proj=4')));
    return entries && Object.fromEntries(entries);
  };
  return {
    ...given({
      adapter: optional(args, 'adapter', text),
      method,
      initSeed: optional(args, 'init-seed', wholeNumber(0)),
      rankPattern: pattern('rank-pattern', wholeNumber(1)),
      alphaPattern: pattern('alpha-pattern', number({ above: 0 })),
    }),
    rank: optional(args, 'rank', wholeNumber(1)) ?? adapterDefaults.rank,
    alpha: optional(args, 'alpha', number({ above: 0 })) ?? adapterDefaults.alpha,
    targetModules: optional(args, 'target-modules', targetModules) ?? adapterDefaults.targetModules,
  };
}

/** Names and commas, or a regular expression. */
function targetModules(given: string, option: string): string {
  return /^[\w\s.,-]+$/.test(given) ? given : pattern(given, option);
}
