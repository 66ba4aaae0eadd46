import { fileURLToPath } from 'node:url';
import { type Peers, scriptCommand } from '../subjects.ts';

/** What can be measured, by the names that users type. */
export const parts = ['step', 'product', 'lambdaMax', 'starts', 'generation'] as const;

/** One of {@link parts}. */
export type Part = (typeof parts)[number];

/** The methods whose starts are measured. */
const methods = ['pissa', 'milora', 'olora', 'lora-ga'] as const;

/** Somebody who is measured: a program that is started anew each time. */
export interface RealSubject {
  /** Name in the tables. */
  readonly name: string;
  readonly command: string;
  /** What stands before the task's own arguments. */
  readonly arguments: readonly string[];
  /** Whether it is lambdamax, whose failure ends the bench. */
  readonly isOurs: boolean;
}

/** Those who are compared with each other. */
export interface Comparison {
  readonly part: Part;
  /** What is measured: a part, or the start of one method. */
  readonly quantity: string;
  /** Ours first. */
  readonly subjects: readonly RealSubject[];
}

/** Others by what they are compared in: a package of Python's, a script and its mode. */
const peers: readonly (readonly [quantity: string, name: string, needs: string, script: string, mode: string])[] = [
  ['step', 'peft sdpa', 'peft', 'step', 'sdpa'],
  ['step', 'peft eager', 'peft', 'step', 'eager'],
  ['product', 'torch retained', 'peft', 'product', 'retained'],
  ['product', 'jax linearize', 'jax', 'jax_product', 'linearize'],
  ['lambdaMax', 'paper', 'peft', 'search', 'paper'],
  ['lambdaMax', 'hessian-eigenthings', 'hessian-eigenthings', 'search', 'hessian-eigenthings'],
  ['start of pissa', 'peft, by one block', 'peft', 'start', 'pissa'],
  ['start of pissa', 'peft niter 16', 'peft', 'start', 'pissa_niter_16'],
  ['start of milora', 'torch svd, by one block', 'peft', 'start', 'svd'],
  ['start of olora', 'peft', 'peft', 'start', 'olora'],
  ['start of lora-ga', 'peft', 'peft', 'start', 'lora_ga'],
  ['generation', 'transformers', 'transformers', 'generation', 'generate'],
];

/** Everybody who is measured in a part; of peers those whose packages are there. */
export function comparisons(part: Part, { command, versions }: Peers): Comparison[] {
  const quantities = part === 'starts' ? methods.map((method) => `start of ${method}`) : [part];
  return quantities.map((quantity) => {
    const others = peers
      .filter(([of, , needs]) => of === quantity && versions[needs] !== undefined)
      .map(([, name, , script, mode]) => ({
        ...{ name, command, arguments: [peerPath(script), '--mode', mode] },
        isOurs: false,
      }));
    return { part, quantity, subjects: [ours(part, quantity), ...others] };
  });
}

/** The packages that peers of these parts need and that are not there, each with who is left out for it. */
export function missingPeers(wanted: readonly Part[], { versions }: Peers): ReadonlyMap<string, readonly string[]> {
  const missing = new Map<string, string[]>();
  for (const [quantity, name, needs] of peers) {
    const part = quantity.startsWith('start of') ? 'starts' : quantity;
    if (versions[needs] !== undefined || !wanted.includes(part as Part)) continue;
    missing.set(needs, [...(missing.get(needs) ?? []), `${name} (${quantity})`]);
  }
  return missing;
}

function ours(part: Part, quantity: string): RealSubject {
  const script = { step: 'step', product: 'product', lambdaMax: 'search', starts: 'start', generation: 'generation' };
  const [command, ...args] = scriptCommand(`./subjects/real/${script[part]}.ts`);
  const mode = part === 'starts' ? quantity.replace('start of ', '') : part;
  return { name: 'lambdamax', command, arguments: [...args, '--mode', mode], isOurs: true };
}

function peerPath(script: string): string {
  return fileURLToPath(new URL(`../peers/real/${script}.py`, import.meta.url));
}
