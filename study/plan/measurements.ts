import { z } from 'zod';

/** How the curvature of a study's configurations is measured. */
export interface StudySpectraOptions {
  /** The Hessian is a mean over the first rows of the training data that together have so many scored tokens. */
  readonly tokens: number;
  /** Relative error of the eigenvalues. */
  readonly tolerance: number;
  /** Lanczos steps at most. */
  readonly maxSteps: number;
  /** Steps of Adam before the preconditioned Hessian is measured, and their constant rate. */
  readonly warmup: { readonly steps: number; readonly learningRate: number };
  /** Each module's own block of the Hessian besides; absent: not. */
  readonly perModule?: boolean | undefined;
}

/** What curvature is measured with where nothing else is asked for. */
export const usualSpectra: StudySpectraOptions = {
  tokens: 1000,
  tolerance: 1e-2,
  maxSteps: 200,
  warmup: { steps: 10, learningRate: 1e-3 },
};

/** Ways to a learning rate that a study can try beside its sweep. */
export const studyPredictorNames = ['probes', 'curvature', 'halving', 'range-test', 'rule-of-thumb'] as const;

export type StudyPredictorName = (typeof studyPredictorNames)[number];

/** Which predictors a study tries, and what they may cost. */
export interface StudyPredictorOptions {
  readonly names: readonly StudyPredictorName[];
  /** What probes and halving may cost for each configuration, as a part of one run. */
  readonly probeBudget: number;
}

/** The predictors that are tried where no others are asked for. */
export const usualPredictors: StudyPredictorOptions = { names: ['curvature', 'rule-of-thumb'], probeBudget: 1 };

/** Checks `StudySpectraOptions` in a file. */
export const spectraOptionsSchema: z.ZodType<StudySpectraOptions> = z.object({
  tokens: z.number(),
  tolerance: z.number(),
  maxSteps: z.number(),
  warmup: z.object({ steps: z.number(), learningRate: z.number() }),
  perModule: z.boolean().optional(),
});

/** Checks `StudyPredictorOptions` in a file. */
export const predictorOptionsSchema: z.ZodType<StudyPredictorOptions> = z.object({
  names: z.array(z.enum(studyPredictorNames)),
  probeBudget: z.number(),
});
