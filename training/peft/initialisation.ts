import { LambdamaxError } from '../../errors.ts';

/**
 * An initialisation that PEFT carries out again whenever it loads the adapter: B A of the base weight W is taken off it,
 * W - s B A, before the saved values are read.
 */
export type RepeatedInitialisation = 'pissa' | 'olora';

/** Whether the base is as it was after this `init_lora_weights`: whatever A and B start from, the file's values replace. */
function leavesBase(value: unknown): boolean {
  if (typeof value !== 'string') return value === undefined || value === null || typeof value === 'boolean';
  // Some names PEFT reads in any case.
  return value === 'eva' || value === 'orthogonal' || /^(?:gaussian|mica)$/i.test(value);
}

const convert =
  'convert it to a plain LoRA in PEFT: save_pretrained(..., path_initial_model_for_weight_conversion=DIR of the initial adapter)';

/** Why PEFT's value of the base cannot be found again, and what to do. */
const refusals: readonly (readonly [pattern: RegExp, reason: string])[] = [
  [/^pissa_niter_\d+$/, `its randomised decomposition differs from one loading to the next; ${convert}`],
  [/^corda/, `what it took off the base followed from data that the adapter does not hold; ${convert}`],
  [
    /^lora_ga$/,
    `what it took off the base followed from gradients that the adapter does not hold, and PEFT does not take it off again; ` +
      `${convert}, or, if \`model\` is the changed base itself, set init_lora_weights to true`,
  ],
  [
    /^loftq$/,
    'PEFT quantises the base while it loads such an adapter; save the quantised base, give it as `model`, and set ' +
      'init_lora_weights to true',
  ],
];

/**
 * What `init_lora_weights` makes of the base while PEFT loads the adapter; undefined: nothing. Throws a LambdamaxError that
 * names the file for a value whose base cannot be found again, or that PEFT does not know.
 */
export function repeatedInitialisation(value: unknown, file: string): RepeatedInitialisation | undefined {
  if (leavesBase(value)) return undefined;
  if (value === 'pissa') return 'pissa';
  const name = typeof value === 'string' ? value : '';
  if (/^olora$/i.test(name)) return 'olora';
  const reason = refusals.find(([pattern]) => pattern.test(name))?.[1];
  throw new LambdamaxError({
    subject: `init_lora_weights in ${file}`,
    expected: 'true, false, gaussian, orthogonal, eva, mica, pissa or olora',
    got: value,
    remedy: reason ?? 'set it to true if the adapter stands on the unmodified base',
  });
}
