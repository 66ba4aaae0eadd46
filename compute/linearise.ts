import type { Batch, Linearised, Point, Program } from './program.ts';

/**
 * The Hessian of a program at one point on one batch, ready for many products: all that does not depend on the direction
 * is computed here, once. The same products as `program.hessianVector`, only cheaper each.
 */
export function linearise(program: Program, point: Point, batch: Batch): Promise<Linearised> {
  return program.linearise(point, batch);
}
