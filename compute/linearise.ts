import type { Batch, Curvature, Linearised, Point, Program } from './program.ts';

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
 * The curvature matrix of `linearise`, with nothing kept: each product computes everything anew, at two to three times the
 * cost. For batches whose kept values would not fit in memory.
 */
export function recompute(
  program: Program,
  point: Point,
  batch: Batch,
  curvature: Curvature = 'hessian',
): Promise<Linearised> {
  return program.linearise(point, batch, curvature, { keep: false });
}
