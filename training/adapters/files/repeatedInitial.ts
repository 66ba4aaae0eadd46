import { randomStream, transposed, type Vector, viewTensors } from '../../../compute/index.ts';
import { LambdamaxError } from '../../../errors.ts';
import type { AdaptedModule } from '../../layout/form.ts';
import { type AdapterLayout, layoutTensors } from '../../layout/layout.ts';
import type { Model } from '../../model.ts';
import type { LinearModule } from '../../models/decoder.ts';
import type { RepeatedInitialisation } from '../../peft/initialisation.ts';
import { adapterMethod } from '../index.ts';
import type { InitialValues } from '../method.ts';

/**
 * An adapter's parameters with the B and A whose s B A PEFT takes off every module's base weight while it loads an adapter with
 * this `init_lora_weights`. Throws a LambdamaxError that names the module for one that PEFT cannot initialise so.
 */
export async function repeatedInitial(
  model: Model,
  layout: AdapterLayout,
  initialisation: RepeatedInitialisation,
  parameters: Vector,
): Promise<Vector> {
  const initial = parameters.slice();
  const views = viewTensors(initial, layoutTensors(layout));
  for (const [name, adapted] of layout.modules) {
    const values = await initialOf(model, layout, model.module(name), adapted, initialisation);
    for (const [tensor, own] of values) views.get(`${name}.${tensor}`)!.set(own);
  }
  return initial;
}

async function initialOf(
  model: Model,
  { form }: AdapterLayout,
  linear: LinearModule,
  { shape, size }: AdaptedModule,
  initialisation: RepeatedInitialisation,
): Promise<InitialValues> {
  const most = Math.min(shape.out, shape.in);
  if (size.rank > most)
    throw new LambdamaxError({
      subject: `init_lora_weights ${initialisation} of ${linear.name}`,
      expected: `a rank of at most ${most}, as in PEFT`,
      got: size.rank,
    });
  const { initialise } = adapterMethod(initialisation);
  const weight = await model.matrix(linear);
  const context = { module: linear.name, size, scaling: form.scaling(size), random: randomStream(0, 'unused') };
  if (!(initialisation === 'olora' && linear.transposed)) return initialise({ ...context, shape, weight });
  // Of a matrix that is stored transposed, PEFT factorises what is stored: W' = Q R, so that W loses s R' Q'.
  if (shape.out !== shape.in)
    throw new LambdamaxError({
      subject: `init_lora_weights olora of ${linear.name}`,
      expected: 'a square matrix where it is stored transposed, as in PEFT',
      got: `[${shape.out}, ${shape.in}]`,
    });
  const values = await initialise({ ...context, shape, weight: transposed(weight, shape.out, shape.in) });
  const [A, B] = [values.get('lora_A.weight')!, values.get('lora_B.weight')!];
  return new Map([
    ['lora_A.weight', transposed(B, shape.out, size.rank)],
    ['lora_B.weight', transposed(A, size.rank, shape.in)],
  ]);
}
