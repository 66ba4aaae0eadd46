import type { Findings, PredictionPoint, PredictorSummary } from '../prediction.ts';

/** Whether runs are still to be made. */
export function isUnfinished({ runsDone, runsPlanned }: Pick<Findings, 'runsDone' | 'runsPlanned'>): boolean {
  return runsDone !== null && runsPlanned !== null && runsDone < runsPlanned;
}

/** `12 of 40 runs are done`; null where all are, or nobody knows how many there should be. */
export function progressWords(findings: Pick<Findings, 'runsDone' | 'runsPlanned'>): string | null {
  return isUnfinished(findings) ? `${findings.runsDone} of ${findings.runsPlanned} runs are done` : null;
}

/** A configuration's name in tables and figures, with a mark where some of its runs are still to be made. */
export function markedName({
  configuration,
  isUnfinished,
}: Pick<PredictionPoint, 'configuration' | 'isUnfinished'>): string {
  return isUnfinished ? `${configuration} (unfinished)` : configuration;
}

/** Which limit is judged: `the limit of adamw, 38 / lambda_max(P^-1/2 H P^-1/2),`; null where there is none. */
export function limitWords(points: readonly Pick<PredictionPoint, 'limit'>[]): string | null {
  const known = points.flatMap(({ limit }) => limit ?? []);
  const names = [
    ...new Set(known.map(({ optimizer }) => optimizer ?? 'gradient descent (the optimizer is not known)')),
  ];
  const formulas = [...new Set(known.map(({ formula }) => formula))];
  return known.length === 0 ? null : `the limit of ${names.join(' or ')}, ${formulas.join(' or ')},`;
}

/** Whether any configuration has a positive lambda_max, without which none of the claims can be judged. */
export function hasCurvature({ points }: Pick<Findings, 'points'>): boolean {
  return withCurvature(points).length > 0;
}

/** The configurations that have a positive lambda_max. */
export function withCurvature<Point extends Pick<PredictionPoint, 'lambdaMax'>>(points: readonly Point[]): Point[] {
  return points.filter(({ lambdaMax }) => lambdaMax !== null && lambdaMax > 0);
}

/** How the predictor of this name did. */
export function predictorNamed<Named extends Pick<PredictorSummary, 'name'>>(
  predictors: readonly Named[],
  name: string,
): Named | undefined {
  return predictors.find((predictor) => predictor.name === name);
}
