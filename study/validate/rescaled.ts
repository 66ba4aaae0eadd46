import { randomStream } from '../../compute/random.ts';
import { sizeOf } from '../../compute/tensors.ts';
import { LambdamaxError } from '../../errors.ts';
import type { Adapter } from '../../training/adapters/create.ts';
import type { AdapterSize } from '../../training/layout/form.ts';
import { type AdapterLayout, moduleTensors, sharedTensors } from '../../training/layout/layout.ts';

/**
 * An adapter that computes the same function from parameters `factor` times smaller: theta / K with alpha K^2, frozen weights as they
 * are. Of LoRA's form that is A / K and B / K under K^2 s, so that s B A stands.
 *
 * With theta' = theta / K the gradient is K times, the Hessian K^2 times what it was. So a step of gradient descent is the same at
 * rate / K^2, with momentum or without, and one of Adam, whose length does not depend on the gradient's, at rate / K with K eps.
 * For a power of two all of this is exact in floating point, as long as nothing underflows.
 *
 * @throws LambdamaxError that names the method if its form is not homogeneous of degree 2 in all that it trains, with alpha as a factor:
 *   DoRA's magnitudes, whole matrices, and forms without alpha.
 */
export function rescaledAdapter(adapter: Adapter, factor: number): Adapter {
  const { layout, method } = adapter;
  const modules = new Map(
    [...layout.modules].map(([name, { shape, size }]) => [name, { shape, size: rescaledSize(size, factor) }] as const),
  );
  const rescaled: AdapterLayout = { ...layout, modules };
  // Modules of one shape and size compute in one way.
  const kinds = new Map([...layout.modules].map(([name, module]) => [JSON.stringify(module), name]));
  for (const name of kinds.values())
    if (!isKept(layout, rescaled, name, factor))
      throw new LambdamaxError({
        subject: `the change of scale of ${method.name}`,
        expected: 'a method whose update is alpha times a product of two things that it trains, as LoRA’s s B A',
        got: `another update of ${name} from parameters / ${factor} with alpha x ${factor ** 2}`,
        remedy: 'leave the test of scale out, or take a method of LoRA’s form',
      });
  const smaller = (values: Adapter['parameters']): Adapter['parameters'] => values.map((value) => value / factor);
  return { ...adapter, layout: rescaled, parameters: smaller(adapter.parameters), initial: smaller(adapter.initial) };
}

function rescaledSize({ rank, alpha }: AdapterSize, factor: number): AdapterSize {
  return { rank, alpha: alpha * factor ** 2 };
}

/** Whether a module's update of random tensors is what it was; initial values would not tell, since the update may be zero there. */
function isKept(layout: AdapterLayout, rescaled: AdapterLayout, name: string, factor: number): boolean {
  const { form } = layout;
  const { shape, size } = layout.modules.get(name)!;
  const random = randomStream(0, `change of scale of ${name}`);
  const draw = (count: number): Float64Array => Float64Array.from({ length: count }, () => random.normal());
  const own = new Map(form.tensors(shape, size).map((spec) => [`${name}.${spec.name}`, draw(sizeOf(spec.shape))]));
  const shared = new Map(sharedTensors(layout).map((spec) => [spec.name, draw(sizeOf(spec.shape))]));
  const weight = draw(shape.out * shape.in);
  const updateOf = (of: AdapterLayout, divisor: number): Float64Array => {
    const tensors = moduleTensors<Float64Array>(of, name, {
      get: (tensor) => own.get(tensor)?.map((value) => value / divisor) ?? shared.get(tensor),
    });
    return form.update(shape, tensors, of.modules.get(name)!.size, weight);
  };
  const [before, after] = [updateOf(layout, 1), updateOf(rescaled, factor)];
  const largest = before.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return before.every((value, index) => Math.abs(value - after[index]!) <= 1e-12 * largest);
}
