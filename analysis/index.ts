/** Curvature of a loss, the learning rates that it allows, and how well those agree with real sweeps. */

export { type LanczosOptions, type LanczosResult, lanczos, type RitzPair } from './algorithms/lanczos.ts';
export { explain, type Outcome } from './algorithms/outcome.ts';
export type { BatchCurvature, CurvatureOperator } from './operators/curvature.ts';
export { gaussNewton } from './operators/gaussNewton.ts';
export { hessian } from './operators/hessian.ts';
export type { SymmetricOperator } from './operators/operator.ts';
export { type Prediction, type PredictionPoint, type PredictorSummary, predict } from './predictor.ts';
export { type Eigenvalue, type SpectrumOptions, type SpectrumResult, spectrum } from './spectrum.ts';
export type { Sweep, SweepConfiguration, SweepRun } from './sweep.ts';
export { readSweepCsv } from './sweepCsv.ts';
export { type ThresholdOptions, type Thresholds, thresholds } from './thresholds.ts';
