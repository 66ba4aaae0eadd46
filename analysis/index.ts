/** Curvature of a loss, the learning rates that it allows, and how well those agree with real sweeps. */

export { type AdapterCurvature, type AdapterCurvatureOptions, adapterCurvature } from './adapterCurvature.ts';
export { type SpectralDensity, spectralDensity } from './algorithms/density.ts';
export { type LanczosOptions, type LanczosResult, lanczos, type RitzPair } from './algorithms/lanczos.ts';
export {
  type LanczosQuadratureOptions,
  lanczosQuadrature,
  type SpectralMeasure,
  traceOf,
} from './algorithms/lanczosQuadrature.ts';
export { explain, type Outcome } from './algorithms/outcome.ts';
export { type PowerIterationOptions, type PowerIterationResult, powerIteration } from './algorithms/powerIteration.ts';
export { type TopEigenpairs, type TopEigenpairsOptions, topEigenpairs } from './algorithms/topEigenpairs.ts';
export { hutchinson, hutchPlusPlus, type TraceEstimate, type TraceOptions } from './algorithms/trace.ts';
export { type Limit, limits } from './limits.ts';
export { type LineSearchResult, lineSearch } from './lineSearch.ts';
export type { BatchCurvature, BlockOperator, CurvatureOperator } from './operators/curvature.ts';
export { gaussNewton } from './operators/gaussNewton.ts';
export {
  entriesOf,
  groupOf,
  groupsByLayer,
  groupsByModule,
  matchingGroup,
  type ParameterGroup,
} from './operators/groups.ts';
export { hessian } from './operators/hessian.ts';
export type { SymmetricOperator } from './operators/operator.ts';
export { type SampleSize, sampleSize } from './operators/sampleSize.ts';
export { type Prediction, type PredictionPoint, type PredictorSummary, predict } from './predictor.ts';
export { type Recommendation, type RecommendOptions, recommend } from './recommend/recommend.ts';
export { ruleOfThumb } from './recommend/ruleOfThumb.ts';
export { trainingRangeTest } from './recommend/trainingRangeTest.ts';
export { type SharpnessOptions, sharpnessAlongTraining } from './sharpnessAlongTraining.ts';
export { type Eigenvalue, type SpectrumOptions, type SpectrumResult, spectrum } from './spectrum.ts';
export type { Sweep, SweepConfiguration, SweepRun } from './sweep.ts';
export { readSweepCsv } from './sweepCsv.ts';
export { type ThresholdOptions, type Thresholds, thresholds } from './thresholds.ts';
export { type UpdateCurvature, type UpdateCurvatureOptions, updateCurvature } from './updateCurvature.ts';
