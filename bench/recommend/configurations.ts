import { ArgumentError } from '../../errors.ts';

/** What a best learning rate is sought for: all else is the same in all runs. */
export interface Sought {
  /** A family of tasks, on whose problems it trains and is scored. */
  readonly task: string;
  readonly method: string;
  readonly rank: number;
  /** Optimizer steps of a run. */
  readonly steps: number;
}

/** What stays the same from one length of runs to another. */
export type SoughtAdapter = Omit<Sought, 'steps'>;

const product = (task: string, methods: readonly string[], ranks: readonly number[]): SoughtAdapter[] =>
  ranks.flatMap((rank) => methods.map((method) => ({ task, method, rank })));

/**
 * Sets of configurations, each with files of its own. On `tuned` the constants of `recommend` were chosen; `new` has what none of
 * them has: other methods, other ranks, another task. A constant that is chosen on `new` needs another set to be shown on.
 */
const sets = {
  tuned: product('math', ['lora', 'dora', 'pissa', 'olora', 'lora-ga'], [2, 8, 32]),
  new: [
    ...product('math', ['init-ab', 'milora', 'rslora', 'eva', 'gralora'], [8]),
    ...product('math', ['lora', 'pissa'], [4, 16]),
    ...product('code', ['lora', 'pissa', 'olora'], [8]),
  ],
} satisfies Record<string, readonly SoughtAdapter[]>;

export type SetName = keyof typeof sets;

/** What the files of a set begin with: `recommend-100.jsonl`. */
export const fileNames: Readonly<Record<SetName, string>> = { tuned: 'recommend', new: 'new' };

/** The set of this name. Throws an ArgumentError that lists the known ones. */
export function setNamed(name: string): SetName {
  if (Object.hasOwn(sets, name)) return name as SetName;
  throw new ArgumentError({ subject: '--set', expected: Object.keys(sets).join(' or '), got: name });
}

/** The configurations of a set with one of these methods and ranks. Throws an ArgumentError where there is none. */
export function configurationsOf(
  set: SetName,
  { methods, ranks }: { readonly methods?: readonly string[]; readonly ranks?: readonly number[] } = {},
): readonly SoughtAdapter[] {
  const found = sets[set].filter(
    ({ method, rank }) => (methods?.includes(method) ?? true) && (ranks?.includes(rank) ?? true),
  );
  if (found.length > 0) return found;
  const subject = '--methods and --ranks';
  throw new ArgumentError({ subject, expected: `a method and a rank of set ${set}`, got: { methods, ranks } });
}

/** `pissa r8`, on another task than math `pissa r8 code`. */
export function nameOf({ task, method, rank }: SoughtAdapter): string {
  return `${method} r${rank}${task === 'math' ? '' : ` ${task}`}`;
}
