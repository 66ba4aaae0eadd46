import type { Vector } from '../../compute/tensors.ts';
import { ArgumentError, LambdamaxError } from '../../errors.ts';

/** What an optimizer remembers between steps: enough to go on as if it had not stopped. */
export interface OptimizerState {
  /** The name under which `createOptimizer` knows it. */
  readonly optimizer: string;
  /** Steps taken so far. */
  readonly steps: number;
  /** Flattened vectors by name, such as `firstMoment`. */
  readonly vectors: Readonly<Record<string, Float64Array>>;
}

/**
 * A step as a linear rule in the deviation x and the gradient g, with all that it is multiplied by held as in the last step:
 *
 *     m <- memory m + gain (g + penalty x)          x <- x - rate (scale m + decay x)
 *
 * entry by entry [size]. Whether training is stable near a point follows from this and the curvature there.
 */
export interface StepRule {
  /** From 0 to below 1. */
  readonly memory: number;
  readonly gain: number;
  /**
   * Rate factors; of Adam, over P with both bias corrections. Zero where the gradient has always been zero, as that of A is at
   * B = 0: P would be eps alone, and the parameter has not moved.
   */
  readonly scale: Float64Array;
  /** Weight decay that is a part of the gradient. */
  readonly penalty: Float64Array;
  /** Weight decay beside it. */
  readonly decay: Float64Array;
}

/** Where an optimizer stands before a step, and the loss of the step's batch wherever it asks. */
export interface Outlook {
  /** Not to be changed. */
  readonly parameters: Vector;
  readonly gradient: Vector;
  /** The schedule's. */
  readonly learningRate: number;
  readonly loss: number;
  /** A forward pass at other parameters; it changes nothing. */
  lossAt(parameters: Vector): Promise<number>;
}

/** A rule that moves parameters along a gradient. */
export interface Optimizer {
  readonly name: string;
  /**
   * One step, in place on the flattened parameters; arithmetic is in float64 whatever the storage.
   *
   * @throws LambdamaxError if a vector has the wrong length, or the rate is negative or not finite.
   */
  step(parameters: Vector, gradient: Vector, learningRate: number): void;
  /**
   * To be waited for before each step, with the same gradient and rate: an optimizer that finds its own rate looks at the loss
   * nearby. Absent where it need not.
   */
  lookAhead?(outlook: Outlook): Promise<void>;
  /** A copy of the memory. */
  state(): OptimizerState;
  /**
   * Goes on from `state`.
   *
   * @throws LambdamaxError if it comes from another optimizer or another number of parameters.
   */
  restore(state: OptimizerState): void;
  /** See {@link AdaptiveOptimizer}; absent where the optimizer keeps none. */
  secondMoment?(): Float64Array;
  /**
   * The last step as a linear rule; absent where steps are not of its form.
   *
   * @throws LambdamaxError before the first step, where the rule depends on the steps taken.
   */
  stepRule?(): StepRule;
}

/** The settings that optimizers have, each with those of its own meaning. */
export interface OptimizerSettings {
  /** How much of each running mean is kept in a step, both in [0, 1). */
  readonly betas: readonly [beta1: number, beta2: number];
  /** Added to the root of the second moment; above 0. */
  readonly eps: number;
  readonly weightDecay: number;
  /** How much of the velocity is kept in a step, in [0, 1). */
  readonly momentum: number;
}

/** An optimizer that divides by the root of a running mean of squared gradients. */
export interface AdaptiveOptimizer extends Optimizer {
  /**
   * That mean after bias correction: the last step divided by sqrt(secondMoment) + eps, entry by entry.
   *
   * @throws LambdamaxError before the first step.
   */
  secondMoment(): Float64Array;
}

/** Refuses what no step can be taken with. */
export function checkStep(size: number, parameters: Vector, gradient: Vector, learningRate: number): void {
  for (const [subject, vector] of [
    ['the parameters', parameters],
    ['the gradient', gradient],
  ] as const) {
    if (vector.length !== size) throw new LambdamaxError({ subject, expected: `${size} values`, got: vector.length });
  }
  checkLearningRate(learningRate);
}

/** @throws ArgumentError unless the rate is finite and at least 0. */
export function checkLearningRate(learningRate: number): void {
  checkArgument('learningRate', learningRate, 'a number of at least 0', (rate) => rate >= 0 && rate < Infinity);
}

/** @throws ArgumentError that names the field unless `accepts(value)`. */
export function checkArgument(
  field: string,
  value: number,
  expected: string,
  accepts: (value: number) => boolean,
): void {
  if (!accepts(value)) throw new ArgumentError({ subject: field, expected, got: value });
}

/** Refuses decay rates of running means outside of [0, 1). */
export function checkBetas(betas: readonly [number, number]): void {
  for (const beta of betas)
    checkArgument('betas', beta, 'numbers from 0 to below 1', (value) => value >= 0 && value < 1);
}

/** Copies of the vectors of a state, for `Optimizer.state`. */
export function copyVectors(vectors: Readonly<Record<string, Float64Array>>): Record<string, Float64Array> {
  return Object.fromEntries(Object.entries(vectors).map(([name, vector]) => [name, vector.slice()]));
}

/** Fills `vectors` from a state of the same optimizer, for `Optimizer.restore`; changes nothing if they do not fit. */
export function restoreVectors(
  optimizer: string,
  vectors: Readonly<Record<string, Float64Array>>,
  state: OptimizerState,
): void {
  const subject = `the state of optimizer ${optimizer}`;
  if (state.optimizer !== optimizer) {
    throw new LambdamaxError({ subject, expected: `a state of ${optimizer}`, got: state.optimizer });
  }
  if (!(Number.isInteger(state.steps) && state.steps >= 0)) {
    throw new LambdamaxError({ subject, expected: 'a whole number of steps', got: state.steps });
  }
  // A vector that this one would ignore is as telling as a missing one: the momentum of an SGD run without momentum.
  for (const name of new Set([...Object.keys(vectors), ...Object.keys(state.vectors)])) {
    const expected = vectors[name]?.length ?? 0;
    const length = state.vectors[name]?.length;
    if (length !== expected) {
      throw new LambdamaxError({
        subject: `${subject}, ${name}`,
        expected: expected === 0 ? 'none' : `${expected} values`,
        got: length ?? 'none',
      });
    }
  }
  for (const [name, vector] of Object.entries(vectors)) vector.set(state.vectors[name]!);
}
