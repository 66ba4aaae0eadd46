/** Curvature of a loss, the learning rates that it allows, and how well those agree with real sweeps. */

export { ArgumentError, type ErrorParts, LambdamaxError } from '../errors.ts';
export { type SpectralDensity, spectralDensity } from '../numerics/krylov/distribution/density.ts';
export {
  type LanczosQuadratureOptions,
  lanczosQuadrature,
  type SpectralMeasure,
  traceOf,
} from '../numerics/krylov/distribution/lanczosQuadrature.ts';
export {
  hutchinson,
  hutchPlusPlus,
  type TraceEstimate,
  type TraceOptions,
} from '../numerics/krylov/distribution/trace.ts';
export { type LanczosOptions, type LanczosResult, lanczos, type RitzPair } from '../numerics/krylov/lanczos.ts';
export type { SymmetricOperator } from '../numerics/krylov/operator.ts';
export { explain, type Outcome } from '../numerics/krylov/outcome.ts';
export {
  type PowerIterationOptions,
  type PowerIterationResult,
  powerIteration,
} from '../numerics/krylov/powerIteration.ts';
export { type TopEigenpairs, type TopEigenpairsOptions, topEigenpairs } from '../numerics/krylov/topEigenpairs.ts';
export { type AdapterCurvature, type AdapterCurvatureOptions, adapterCurvature } from './curvature/adapterCurvature.ts';
export type { CurvatureMemory } from './curvature/curvatureMemory.ts';
export { type LineSearchResult, lineSearch } from './curvature/lineSearch.ts';
export type { BatchCurvature, BlockOperator, CurvatureOperator } from './curvature/operators/curvature.ts';
export { gaussNewton } from './curvature/operators/gaussNewton.ts';
export {
  entriesOf,
  groupOf,
  groupsByLayer,
  groupsByModule,
  matchingGroup,
  type ParameterGroup,
} from './curvature/operators/groups.ts';
export { hessian } from './curvature/operators/hessian.ts';
export { type SampleSize, sampleSize } from './curvature/operators/sampleSize.ts';
export { type SharpnessOptions, sharpnessAlongTraining } from './curvature/sharpnessAlongTraining.ts';
export { type Eigenvalue, type SpectrumOptions, type SpectrumResult, spectrum } from './curvature/spectrum.ts';
export { type UpdateCurvature, type UpdateCurvatureOptions, updateCurvature } from './curvature/updateCurvature.ts';
export type { SettingsGroup } from './rates/groups.ts';
export { type Limit, limits } from './rates/limits.ts';
export { type FittedCurve, fittedCurve } from './rates/noise/fittedCurve.ts';
export type {
  Claim,
  EqualSettings,
  Prediction,
  PredictionPoint,
  PredictorSummary,
  SettingPower,
} from './rates/prediction.ts';
export { predict } from './rates/predictor.ts';
export { type RatePoint, ratePoints, type Sweep, type SweepConfiguration, type SweepRun } from './rates/sweep.ts';
export { readSweepCsv } from './rates/sweepCsv.ts';
export { type ThresholdOptions, type Thresholds, thresholds } from './rates/thresholds.ts';
export { type RateEvidence, rateFrom } from './recommend/rateFrom.ts';
export { type Recommendation, type RecommendOptions, recommend } from './recommend/recommend.ts';
export { priorRate, ruleOfThumb } from './recommend/ruleOfThumb.ts';
export { trainingHalving } from './recommend/trainingHalving.ts';
export { trainingRangeTest } from './recommend/trainingRangeTest.ts';
