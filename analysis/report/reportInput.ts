import type { SpectrumEnd } from '../figures/lambdaMaxByMethod.ts';
import type { ModuleEnds } from '../figures/modules/moduleHeatMap.ts';
import type { LearningCurve } from '../figures/runs/learningCurves.ts';
import type { Prediction } from '../rates/prediction.ts';
import type { Sweep } from '../rates/sweep.ts';

/** One measured spectrum, as the report shows it. */
export interface ReportSpectrum {
  readonly configuration: string;
  readonly method: string;
  readonly lambdaMax: SpectrumEnd & { readonly residualBound: number };
  readonly lambdaMin: (SpectrumEnd & { readonly residualBound: number }) | null;
  /** Largest stable learning rates, by optimizer. */
  readonly thresholds?: Readonly<Record<string, number | null>>;
  /** Scored tokens and batches behind the Hessian. */
  readonly tokens: number;
  readonly batches: number;
  /** Hessian-vector products that Lanczos took. */
  readonly products?: number;
  /** Why Lanczos stopped. */
  readonly outcome?: string;
  /** Each module's own block, where that was measured. */
  readonly modules?: readonly ModuleEnds[];
}

/** All that a report says: finished results, plain data. */
export interface ReportInput {
  readonly title: string;
  /** The command line that repeats the study. */
  readonly command: string;
  /** The plan in words, each line a name and its value, shown in this order. */
  readonly plan: Readonly<Record<string, string>>;
  readonly sweep: Sweep;
  readonly prediction: Prediction;
  readonly spectra: readonly ReportSpectrum[];
  /** How the loss of the runs of one seed went; absent where nobody knows. */
  readonly curves?: readonly LearningCurve[];
  /** Software and its versions. */
  readonly versions: Readonly<Record<string, string>>;
  /** Date to print; the report itself has no clock, so that the same study gives the same bytes. */
  readonly generatedAt?: string;
}
