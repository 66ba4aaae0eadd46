import type { Interval } from '../../numerics/statistics.ts';
import type { SettingsGroup } from './groups.ts';
import type { NoiseFloor } from './noise/noiseFloor.ts';
import type { Optimum } from './optimum.ts';
import type { RatioToLora } from './ratioToLora.ts';
import type { ScaleLaw } from './scaleLaw.ts';
import type { Settings } from './settings.ts';
import type { ScoreDirection, StabilityLimit, SweepContext } from './sweep.ts';

/** A predicted learning rate beside the measured optimum. */
export interface RatePrediction {
  readonly learningRate: number;
  /** max(p/e, e/p), at least 1. */
  readonly foldError: number;
  /** What training there gives up of the best measured score: % of the loss, or percentage points of accuracy. See `regretAt`. */
  readonly regret: number;
  /** What it gives up read off the fitted curve, against the curve's own best score. See `regretOnCurve`. */
  readonly curveRegret: number;
  /** The predicted rate lies outside the sweep, so that `regret` is a lower bound. */
  readonly extrapolated: boolean;
}

/** One configuration: what the sweep found and what the predictors said. */
export interface PredictionPoint {
  readonly configuration: string;
  readonly method: string;
  /** The settings that differ among the sweep's configurations, this one's own; empty where it has no choice in one. */
  readonly settings: Settings;
  /** Some of its runs are still to be made, so that all that is said of it may change. */
  readonly isUnfinished: boolean;
  readonly optimum: Optimum;
  /** The optimum over LoRA's at equal settings; null where there is no such LoRA, or no telling which of several. */
  readonly ratioToLora: RatioToLora | null;
  /** Smallest rate above the optimum where training breaks; null if it held at every rate tried. */
  readonly divergesAt: number | null;
  /** Largest rate tried below that one, or of all where none broke. */
  readonly holdsAt: number | null;
  /** The limit of stability of the optimizer in use; null: none is known. */
  readonly limit: StabilityLimit | null;
  readonly lambdaMax: number | null;
  /** Whether the adapter starts at B = 0, where lambda_max is chiefly the norm of a gradient; null: not known. */
  readonly startsAtZeroB: boolean | null;
  /** By predictor; one that cannot say anything about this configuration is absent. */
  readonly predictions: Readonly<Record<string, RatePrediction>>;
}

/** How a predictor did over all configurations. */
export interface PredictorSummary {
  readonly name: string;
  readonly meaning: string;
  /** d ln optimum / d ln prediction, before fitting; the theory says 1. Null for a constant. */
  readonly slope: number | null;
  readonly slopeLow: number | null;
  readonly slopeHigh: number | null;
  readonly spearman: number | null;
  /** Tau-b. */
  readonly kendall: number | null;
  /** p of Kendall's tau by a two-sided permutation test, exact up to 8 configurations. */
  readonly pValue: number | null;
  /** Null, as the next two, when it predicted nothing. */
  readonly geometricMeanFoldError: number | null;
  readonly worstFoldError: number | null;
  /** 95 % interval of the mean fold error: Student's t, methods taken for independent and no more; null for one method. */
  readonly low: number | null;
  readonly high: number | null;
  /** How many times closer than one constant it comes, in the mean of the same configurations: above 1 it is better. */
  readonly overConstant: Interval | null;
  /** Against the best measured scores, which are too good by their noise. */
  readonly meanRegret: number | null;
  readonly medianRegret: number | null;
  /** Mean over the configurations of the regret on the fitted curve; its interval follows from the runs' noise, and is null without any. */
  readonly curveRegret: Interval | null;
  /** Mean price of a prediction in gradients of one batch; null where it is not known. Sweeps of other methods are not counted. */
  readonly price: number | null;
  /** How many configurations it predicted. */
  readonly count: number;
  /** How many predictors predicted anything in this sweep: the best of many flatters itself. */
  readonly tried: number;
  /** At equal settings alone, and over all as if settings were a part of the method; null where all settings are equal. */
  readonly equalSettings: PredictorAt | null;
  readonly overAll: PredictorAt | null;
}

/** How a predictor did where its constants were learned at equal settings, or over all. */
export type PredictorAt = Pick<
  PredictorSummary,
  | ('slope' | 'slopeLow' | 'slopeHigh')
  | ('geometricMeanFoldError' | 'worstFoldError' | 'low' | 'high' | 'overConstant' | 'count')
>;

/** How far apart the configurations' best scores lie: % of the best loss, or percentage points of accuracy. */
export interface PeakSpread {
  readonly value: number;
  /** 95 % bootstrap interval over seeds of the gap between these two; null with one seed. */
  readonly low: number | null;
  readonly high: number | null;
  readonly best: string;
  readonly worst: string;
}

/** Predicted learning rates beside the best ones of a sweep, and how well they agree. */
export interface Prediction {
  readonly points: readonly PredictionPoint[];
  readonly predictors: readonly PredictorSummary[];
  readonly peakSpread: PeakSpread;
  /** How one would do who knew the true best rates; null where the runs' noise cannot be told. */
  readonly noiseFloor: NoiseFloor | null;
  /** The power that belongs to the optimizer in use; null where that is not known, or several are. */
  readonly scaleLaw: ScaleLaw | null;
  /** The claims over all configurations. */
  readonly claims: readonly Claim[];
  /** The claims at equal settings; null where all configurations are, so that `claims` are the same. */
  readonly equalSettings: EqualSettings | null;
  /** How the optimum moves with each numeric setting that differs. */
  readonly powers: readonly SettingPower[];
  readonly verdict: string;
  readonly scoreDirection: ScoreDirection;
  /** Scores are shares, from 0 to 1. */
  readonly isShare: boolean;
  readonly context: SweepContext;
  /** Configurations left out because every run of theirs diverged. */
  readonly unusable: readonly string[];
  /** How many runs are done, of how many as far as can be told; null of a table, which does not say how many there should be. */
  readonly runsDone: number | null;
  readonly runsPlanned: number | null;
  /** Configurations of which no run is done yet. */
  readonly notBegun: readonly string[];
}

/** A prediction before it is put into words. */
export type Findings = Omit<Prediction, 'claims' | 'equalSettings' | 'verdict'>;

/** What is said of methods at equal settings, pooled over groups of such. */
export interface EqualSettings {
  readonly groups: readonly SettingsGroup[];
  readonly claims: readonly Claim[];
}

/** How the optimum moves with one setting while all others stay: optimum ~ setting^power. */
export interface SettingPower {
  /** The setting's column: `rank`, `batch_size`. */
  readonly setting: string;
  /** Settings that follow from this one in every configuration, so that the power is that of all of them together. */
  readonly movesWith: readonly string[];
  /** Null where no two configurations of one method differ in this setting alone. */
  readonly power: number | null;
  /** 95 % interval; null without degrees of freedom. */
  readonly low: number | null;
  readonly high: number | null;
  /** How many configurations it is fitted on. */
  readonly configurations: number;
  /** Into how many lines of one method these fall, each at one combination of the other settings. */
  readonly groups: number;
}

/** What the numbers say about one claim. */
export type ClaimAnswer = 'yes' | 'no' | 'cannot tell';

/** One of the claims about curvature and learning rates, judged on its own; `power` is 1/lambda_max, `root` 1/sqrt(lambda_max). */
export interface Claim {
  readonly name: 'order' | 'power' | 'root' | 'threshold';
  readonly question: string;
  readonly answer: ClaimAnswer;
  /** The numbers behind the answer, a sentence without its full stop. */
  readonly evidence: string;
  /** What a yes or no to this question means, for the table's note. */
  readonly meaning: string;
  /** Runs that it rests on are still to be made. */
  readonly mayChange: boolean;
}
