import { join } from 'node:path';
import { LambdamaxError } from '../errors.ts';
import { readBuffer } from './problem.ts';
import { measure } from './subject.ts';
import { lambdamax, lambdamaxTraining } from './subjects.ts';

/** Losses of all subjects agree so far, relatively: float32 sums over a thousand positions and a few hundred columns. */
const lossTolerance = 1e-5;
/** Gradients and products agree so far in norm with those in float64. */
const vectorTolerance = 1e-3;

/** Loss, gradient and product in float64. */
export interface Reference {
  readonly loss: number;
  readonly vectors: Readonly<Record<string, Float64Array>>;
}

/** A problem's numbers as lambdamax computes them in float64: what everybody's float32 is held against. */
export async function exactly(problem: string): Promise<Reference> {
  const subject = lambdamax('onnx', 'float64');
  const task = { problem, threads: 0, repeats: 1, seconds: 0 };
  const [gradient, product] = [join(problem, 'gradient.f64'), join(problem, 'product.f64')];
  const { loss } = await measure(subject, { ...task, quantity: 'gradient', result: gradient });
  await measure(subject, { ...task, quantity: 'product', result: product });
  const exact = new Float64Array(await readBuffer(product));
  return {
    loss: loss!,
    vectors: {
      gradient: new Float64Array(await readBuffer(gradient)),
      product: exact,
      'product linearised': exact,
    },
  };
}

/** The loss and the parameters that a few training steps lead to, in the same way. */
export async function exactSteps(problem: string): Promise<Reference> {
  const result = join(problem, 'step.f64');
  const task = { problem, quantity: 'step', threads: 0, repeats: 1, seconds: 0, result } as const;
  const { loss } = await measure(lambdamaxTraining('onnx', 'float64'), task);
  return { loss: loss!, vectors: { step: new Float64Array(await readBuffer(result)) } };
}

/** Throws a LambdamaxError that names the subject if its loss (where it has one) is not the reference's. */
export function requireLoss(who: string, loss: number | null, reference: Reference): void {
  if (loss !== null && !(Math.abs(loss / reference.loss - 1) <= lossTolerance))
    throw disagreement(who, `the loss ${reference.loss} to ${lossTolerance}`, loss);
}

/** |x - y| / |y| for a subject's vector x and the exact y. Throws a LambdamaxError that names the subject if that is large. */
export function requireVector(who: string, vector: Float32Array, exact: Float64Array): number {
  const error = distance(vector, exact);
  if (!(error <= vectorTolerance)) throw disagreement(who, `the vector of float64 to ${vectorTolerance}`, error);
  return error;
}

/** |x - y| / |y|; infinite for vectors of different lengths. */
function distance(x: Float32Array, y: Float64Array): number {
  if (x.length !== y.length) return Number.POSITIVE_INFINITY;
  let [difference, size] = [0, 0];
  for (const [index, exact] of y.entries()) {
    difference += (x[index]! - exact) ** 2;
    size += exact ** 2;
  }
  return Math.sqrt(difference / size);
}

function disagreement(subject: string, expected: string, got: number): LambdamaxError {
  return new LambdamaxError({ subject, expected, got, remedy: 'it measures something else: no ratio means anything' });
}
