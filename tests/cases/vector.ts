import type { TensorSpec } from '../../compute/tensors.ts';

/** The parameters of a model that is one vector. */
export function vector(size: number): TensorSpec[] {
  return [{ name: 'vector', shape: [size] }];
}
