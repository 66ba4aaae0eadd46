import type { Batch, Curvature, Linearised, Point, Program } from './program.ts';
import type { Vector } from './tensors.ts';

/**
 * The Hessian or Gauss-Newton matrix of a program at one point on one batch, ready for many products: all that does not
 * depend on the direction is computed here, once. The same products as `program.hessianVector` and
 * `program.gaussNewtonVector`, only cheaper each.
 */
export function linearise(
  program: Program,
  point: Point,
  batch: Batch,
  curvature: Curvature = 'hessian',
): Promise<Linearised> {
  return program.linearise(point, batch, curvature);
}

/**
 * The same matrix with nothing kept: each product computes everything anew, at two to three times the cost. For batches
 * whose kept values would not fit in memory.
 */
export async function recompute(
  program: Program,
  point: Point,
  batch: Batch,
  curvature: Curvature = 'hessian',
): Promise<Linearised> {
  const product = curvature === 'hessian' ? program.hessianVector : program.gaussNewtonVector;
  // Of our own, since training changes parameters in place.
  const fixed = { ...point, parameters: point.parameters.slice() };
  const apply = (direction: Vector): Promise<Vector> => product.call(program, fixed, batch, direction);
  const release = async (): Promise<void> => {};
  return {
    curvature,
    ...(await program.gradient(fixed, batch)),
    keptBytes: 0,
    apply,
    applyAll: inTurn(apply),
    release,
    [Symbol.asyncDispose]: release,
  };
}

/** Several products, one after another; the first that fails ends them. */
export function inTurn(apply: (direction: Vector) => Promise<Vector>): Linearised['applyAll'] {
  return async (directions) => {
    const products: Vector[] = [];
    for (const direction of directions) products.push(await apply(direction));
    return products;
  };
}
