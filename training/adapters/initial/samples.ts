import { LambdamaxError } from '../../../errors.ts';
import { stepRows } from '../../data/batches.ts';
import type { TokenRow } from '../../data/examples.ts';
import type { AdapterLayout } from '../../layout/layout.ts';
import type { Model } from '../../model.ts';
import type { AdapterMethod, InitialiseContext } from '../method.ts';
import { weightGradients } from './gradients.ts';
import { inputStatistics } from './inputStatistics.ts';

/** What a method's initial values follow from besides weight and seed. */
export type Sample = Pick<InitialiseContext, 'gradient' | 'statistics'>;

/**
 * The modules of a layout in their order, each with what the method asks to know of the data, which is taken on a sample of
 * the rows. Throws a LambdamaxError if the method needs rows and there are none.
 */
export async function* samples(
  model: Model,
  method: AdapterMethod,
  { modules }: AdapterLayout,
  {
    rows,
    sampleRows = 64,
    initSeed = 0,
  }: {
    readonly rows?: readonly TokenRow[];
    readonly sampleRows?: number;
    readonly initSeed?: number;
  },
): AsyncGenerator<[module: string, sample: Sample]> {
  if (method.sample === undefined) {
    for (const module of modules.keys()) yield [module, {}];
    return;
  }
  if (rows === undefined || rows.length === 0)
    throw new LambdamaxError({
      subject: `method ${method.name}`,
      expected: 'training rows to take its initial values from',
      got: 'none',
    });
  const chosen = stepRows(rows, Math.min(sampleRows, rows.length), 0, initSeed, true);
  if (method.sample === 'gradients') {
    for await (const [module, gradient] of weightGradients(model, modules, chosen))
      yield [module, { gradient: Float64Array.from(gradient) }];
    return;
  }
  for await (const [module, statistics] of inputStatistics(model, modules, chosen, method.sample))
    yield [module, { statistics }];
}
