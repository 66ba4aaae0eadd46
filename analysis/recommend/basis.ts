import type { UpdateCurvature } from '../curvature/updateCurvature.ts';
import { formatRate } from '../rates/format.ts';
import { fractionOfLineSearch } from './curvatureRate.ts';
import { type RateEstimate, usualDrift } from './extrapolation.ts';
import type { ProbeSearchResult, ProbesEnded } from './probeSearch.ts';

// What a recommendation rests on, in words.

const endings: Readonly<Record<ProbesEnded, string>> = {
  budget: 'the budget allowed no more',
  settled: 'longer ones would not have made it surer',
  'full length': 'the last were as long as the run',
};

/** What a rate from probe runs rests on: how many, how long, how their best rate drifts, and what the interval takes in. */
export function basisOfProbes(
  { probes, rounds, drift, ended }: ProbeSearchResult,
  {
    steps,
    scoredRows,
    epochs,
    prior,
  }: {
    readonly steps: number;
    readonly scoredRows: number;
    readonly epochs: number;
    readonly prior: RateEstimate | null;
  },
): string {
  const lengths = rounds.map((round) => round.steps);
  const best = rounds.map((round) => `${formatRate(round.learningRate)} at ${round.steps}`).join(', ');
  const open = rounds.filter(({ bracketed }) => !bracketed).map((round) => round.steps);
  const drifted =
    rounds.length > 1
      ? `drifts as steps^${drift.toFixed(2)} (their trend, shrunk to the usual ${usualDrift.mean})`
      : `is taken to drift as steps^${usualDrift.mean}, which is usual, since one length shows no trend`;
  return [
    `${probes.length} probe runs of ${range(lengths)} steps on the run's own schedule squeezed to them, scored on ${scoredRows} rows; ${endings[ended]}.`,
    `The best rate (${best} steps) ${lengths.at(-1)! < steps ? drifted : 'was measured at full length'}.`,
    ...(open.length > 0 ? [`At ${range(open)} steps it has no worse rate on one side.`] : []),
    ...priorWords(prior),
    `The interval takes in the noise of one order of the data and what is not known of the drift to ${steps} steps.`,
    ...(epochs > 1 ? [`The run sees its rows ${epochs.toFixed(1)} times, which no short probe shows.`] : []),
  ].join(' ');
}

/** What a rate from curvature rests on: the line search, the constant, and what the interval takes in. */
export function basisOfCurvature(
  { lineSearch, warmup, directions }: UpdateCurvature,
  steps: number,
  prior: RateEstimate | null,
): string {
  const { fraction, steps: measuredAt, logError } = fractionOfLineSearch;
  return [
    `After ${warmup.steps} steps of Adam at ${formatRate(warmup.learningRate)}, one more lowers the loss most at the rate ${formatRate(lineSearch.learningRate!)} (line search, mean of ${directions} batches).`,
    `The best rate of runs of ${measuredAt} steps was ${fraction} of that on small models, give or take a factor of ${Math.exp(logError).toFixed(2)}, and is taken to drift as steps^${usualDrift.mean}.`,
    ...priorWords(prior),
    `The interval takes in what is not known of either, to ${steps} steps. No run was made.`,
  ].join(' ');
}

function priorWords(prior: RateEstimate | null): string[] {
  if (prior === null) return [];
  const factor = Math.exp(prior.logError).toFixed(1);
  return [
    `The published rule of thumb, ${formatRate(prior.learningRate)} for this model, alpha and rank, counts as an estimate that is right to a factor of ${factor}.`,
  ];
}

function range(lengths: readonly number[]): string {
  const [first, last] = [Math.min(...lengths), Math.max(...lengths)];
  return first === last ? `${first}` : `${first} to ${last}`;
}
