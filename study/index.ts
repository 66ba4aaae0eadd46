/** Whole studies: curvature, a sweep of learning rates over a product of settings, and prediction beside sweep. */

export {
  type PictureFormat,
  type PictureSize,
  pictureFormats,
  pictureOf,
} from '../analysis/figures/drawing/picture.ts';
export type { Figure } from '../analysis/figures/figure.ts';
export type { Prediction } from '../analysis/rates/prediction.ts';
export { predict } from '../analysis/rates/predictor.ts';
export { renderFigurePage } from '../analysis/report/figurePage.ts';
export { renderReport, reportFigures } from '../analysis/report/report.ts';
export type { ReportInput } from '../analysis/report/reportInput.ts';
export { ArgumentError, type ErrorParts, LambdamaxError } from '../errors.ts';
export type { Listener } from '../training/data/notices.ts';
export { bundledModel } from '../training/package.ts';
export { type WarmupOptions, warmUp } from '../training/warmup.ts';
export type { AxisLists, AxisName, AxisValues } from './configurations/axes.ts';
export type { Configuration, OptimizerConfiguration } from './configurations/configuration.ts';
export { readStudyFindings, type StudyFindings } from './findings.ts';
export {
  type FinishedRun,
  type OpenStudy,
  openStudy,
  readStudy,
  type StudyRecord,
} from './folder/record.ts';
export { type StudyOptions, usualStudy } from './options.ts';
export type { StudyPredictorOptions, StudySpectraOptions } from './plan/measurements.ts';
export type { StudyPlan } from './plan/plan.ts';
export { type PlannedStudy, planStudy } from './planStudy.ts';
export { reportInput, reportOf, type StudyReport } from './report.ts';
export { runStudy, type StudyEvent, type StudyHandlers, type StudyOutcome } from './study.ts';
export {
  type LeftOutTest,
  type PricedTest,
  type ValidateHandlers,
  type ValidateOptions,
  type ValidationPlan,
  type ValidationProgress,
  type ValidationResult,
  validate,
} from './validate/validate.ts';
export type { ValidationEntry, ValidationPrice, ValidationTestName } from './validate/validationTest.ts';
