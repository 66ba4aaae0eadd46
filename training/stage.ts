/**
 * What something long is about to do. A computation occupies its thread, so that nothing can be told while it lasts: a stage is told
 * before it is begun, and again before each of its parts.
 */
export interface Stage {
  /** `start`: the initial values of an adapter; the last four are what a spectrum is asked for besides its ends. */
  readonly name: StageName;
  /** Parts that are done. */
  readonly done: number;
  /** Parts in all, as far as that is known. */
  readonly total: number;
}

/** See {@link Stage}. */
export type StageName =
  | 'start'
  | 'compile'
  | 'linearise'
  | 'products'
  | 'rounding'
  | 'modules'
  | 'top eigenvalues'
  | 'trace'
  | 'density';

/** Told of stages; it must change nothing. */
export type OnStage = (stage: Stage) => void;
