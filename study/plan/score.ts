/** The measures that rates can be compared by. */
export const scoreMeasures = ['accuracy', 'exactMatch', 'validationLoss', 'finalLoss'] as const;

/**
 * The measure that rates are compared by: of problems the share solved by the task's own metric or, where nothing is generated,
 * the share of exact matches; else a loss.
 */
export type ScoreMeasure = (typeof scoreMeasures)[number];

/** What each measure is called in tables, on axes and in sentences. */
export const scoreLabels: Readonly<Record<ScoreMeasure, string>> = {
  accuracy: 'accuracy',
  exactMatch: 'exact match',
  validationLoss: 'validation loss',
  finalLoss: 'training loss',
};

/** Whether a measure is a share of problems, from 0 to 1, of which more is better; of a loss less is. */
export function isShare(measure: ScoreMeasure): measure is 'accuracy' | 'exactMatch' {
  return measure === 'accuracy' || measure === 'exactMatch';
}

/** Which scores of a measure are better. */
export function directionOf(measure: ScoreMeasure): 'lower' | 'higher' {
  return isShare(measure) ? 'higher' : 'lower';
}
