import { formatRate, listed } from '../format.ts';
import type { Claim, Prediction } from '../prediction.ts';
import { hasCurvature, isUnfinished, progressWords } from './findings.ts';

/** Up to so many configurations are told one by one. */
const mostTold = 4;

const order: Readonly<Record<Claim['answer'], string>> = {
  yes: 'Curvature orders them.',
  no: 'Curvature does not order them.',
  'cannot tell': 'Whether curvature orders them cannot be told from these runs.',
};

/** What a sweep found, in a sentence or two: the best rates, how far they lie apart, and whether curvature orders them. */
export function answerOf(prediction: Prediction): string {
  const { points, claims, equalSettings } = prediction;
  const sorted = points.toSorted((a, b) => b.optimum.learningRate - a.optimum.learningRate);
  const [most, least] = [sorted[0], sorted.at(-1)];
  if (most === undefined || least === undefined) return 'No run is done yet.';
  const begin = isUnfinished(prediction) ? 'So far the best' : 'The best';
  if (sorted.length === 1)
    return `${begin} learning rate of ${most.configuration} is ${formatRate(most.optimum.learningRate)}.`;
  const told = ({ configuration, optimum }: (typeof sorted)[number]): string =>
    `${formatRate(optimum.learningRate)} for ${configuration}`;
  const apart = most.optimum.learningRate / least.optimum.learningRate;
  const fold =
    apart < 1.005 ? 'all equal' : `${apart < 100 ? apart.toPrecision(2) : apart.toExponential(1)}-fold apart`;
  const rates =
    sorted.length <= mostTold
      ? `${begin} learning rates are ${listed(sorted.slice(0, -1).map(told))} and ${told(least)}: ${fold}.`
      : `${begin} learning rates of ${sorted.length} configurations reach from ${told(least)} to ${told(most)}: ${fold}.`;
  const claim = (equalSettings?.claims ?? claims).find(({ name }) => name === 'order');
  return hasCurvature(prediction) && claim !== undefined ? `${rates} ${order[claim.answer]}` : rates;
}

/** How far a study that still runs has come, and what is missing; null of one that is done. */
export function statusOf(prediction: Prediction): string | null {
  const progress = progressWords(prediction);
  if (progress === null) return null;
  const { points, notBegun } = prediction;
  const open = points.filter((point) => point.isUnfinished).map(({ configuration }) => configuration);
  const unmeasured = points.filter(({ lambdaMax }) => lambdaMax === null).map(({ configuration }) => configuration);
  return [
    `This study is not finished: ${progress}.`,
    ...(open.length === 0 ? [] : [`Some runs are missing of ${listed(open)}.`]),
    ...(notBegun.length === 0 ? [] : [`All runs are missing of ${listed(notBegun)}.`]),
    ...(unmeasured.length === 0 ? [] : [`Curvature is not measured yet of ${listed(unmeasured)}.`]),
    'What this page says may still change.',
  ].join(' ');
}
