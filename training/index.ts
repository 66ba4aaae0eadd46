/** Models, LoRA variants and data in; fine-tuned adapters and their losses out. */

export type {
  AdapterForm,
  AdapterMethod,
  AdapterSize,
  AdapterTensor,
  InitialiseContext,
  InitialValues,
  LinearShape,
} from './adapters/adapter.ts';
export { type Adapter, type AdapterOptions, createAdapter } from './adapters/create.ts';
export { loadAdapter, saveAdapter } from './adapters/files.ts';
export { adapterMethod, adapterMethods } from './adapters/index.ts';
export { kaimingUniform } from './adapters/kaimingUniform.ts';
export { lowRank, rankStabilised } from './adapters/lowRank.ts';
export { loadMethod } from './adapters/methodFile.ts';
export { toPlainLora } from './adapters/plainLora.ts';
export { type DownloadOptions, downloadModel } from './checkpoint/hub.ts';
export type { TokenBatch } from './data/batches.ts';
export type { TokenRow, TokenRows } from './data/examples.ts';
export { type LoadRowsOptions, loadRows } from './data/load.ts';
export { type EvaluateOptions, type EvaluateResult, evaluate } from './evaluate.ts';
export { type EvaluateTaskOptions, type EvaluateTaskResult, evaluateTask } from './evaluateTask.ts';
export { type FinetuneOptions, type FinetuneResult, finetune } from './finetune.ts';
export { type GenerateOptions, type Generation, generate } from './generate/generate.ts';
export { generateTexts, type TextGeneration } from './generate/generateTexts.ts';
export { type MergeOptions, type MergeResult, mergeIntoBase } from './merge.ts';
export type { StepMetrics } from './metrics.ts';
export { loadModel, type Model, type ModelOptions } from './model.ts';
export { readProblems, type TaskTokenRow, taskTokenRows } from './taskData.ts';
export { loadTask, taskFamilies } from './tasks/index.ts';
export { type Proportion, proportion } from './tasks/proportion.ts';
export { scoreResponses, type TaskScore } from './tasks/score.ts';
export { defaultSplits } from './tasks/splits.ts';
export type { TaskFamily, TaskProblem, TaskRequest, TaskRow, Verdict } from './tasks/task.ts';
export type { Examination, Validation, ValidationScore } from './validation.ts';
