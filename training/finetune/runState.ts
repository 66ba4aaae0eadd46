import type { Vector } from '../../compute/index.ts';
import type { OptimizerState } from '../optimizers/optimizer.ts';

/** All that a run needs to go on as if it had not stopped: the order of the rows follows from seed and step. */
export interface RunState {
  /** Steps taken. */
  readonly steps: number;
  /** Tokens seen, padding not counted. */
  readonly tokens: number;
  /** Mean loss over the first step's batch, before training. */
  readonly initialLoss: number;
  /** Seconds that training has taken so far. */
  readonly seconds: number;
  /** The adapter's parameters. */
  readonly parameters: Vector;
  readonly optimizer: OptimizerState;
  /** What measurements along the run left for the next one, by name; absent: none. */
  readonly kept?: ReadonlyMap<string, Float64Array>;
}
