import type { Data } from 'plotly.js';
import { formatRate } from '../rates/format.ts';
import type { PredictionPoint } from '../rates/prediction.ts';
import { isOffCliff, type RatePoint, ratePoints, type Sweep, shortfall } from '../rates/sweep.ts';
import { markedName } from '../rates/verdict/findings.ts';
import { baseLayout, escapeMarkup, type Figure, logAxis, palette, shadeOf } from './figure.ts';
import { scoreRange } from './sweepCurve.ts';

const [smallest, largest] = [7, 18];

/**
 * Scores as a matrix of dots, a row for each configuration and a column for each learning rate: the larger and stronger, the better. A
 * ring stands around each row's best rate with the score there; crosses stand where training broke. The paper's figure: Lee et al.
 * 2026, arXiv 2602.04998.
 */
export function scoreDots(sweep: Sweep, points: readonly PredictionPoint[]): Figure {
  // The first one stands at the top.
  const rows = points.toReversed().map((point) => ({ point, rates: ratePoints(sweep.runs, point.configuration) }));
  const [bad, good] = scoreRange(sweep, rows);
  const written = (score: number): string => (sweep.isShare ? `${(100 * score).toFixed(1)} %` : score.toPrecision(3));
  const quality = (score: number): number =>
    Math.max(0, Math.min(1, 1 - shortfall(score, good, sweep.scoreDirection) / Math.max(Math.abs(good - bad), 1e-12)));
  const cells = rows.flatMap(({ point, rates }) =>
    rates.map((rate) => ({ rate, row: escapeMarkup(markedName(point)), isBroken: isBroken(rate, point, sweep) })),
  );
  const sound = cells.filter(({ rate, isBroken }) => rate.mean !== null && !isBroken);
  const broken = cells.filter(({ isBroken }) => isBroken);
  const peaks = rows.flatMap(({ point, rates }) => {
    const { score, learningRate } = point.optimum;
    const distance = (rate: RatePoint): number => Math.abs(Math.log(rate.learningRate / learningRate));
    const [peak] = rates.filter(({ mean }) => mean === score).sort((a, b) => distance(a) - distance(b));
    return peak === undefined ? [] : [{ rate: peak.learningRate, score, row: escapeMarkup(markedName(point)) }];
  });
  const shares = sound.map(({ rate }) => quality(rate.mean!));
  const data: Data[] = [
    {
      ...{ type: 'scatter', mode: 'markers', name: 'score: larger and stronger is better', showlegend: false },
      x: sound.map(({ rate }) => rate.learningRate),
      y: sound.map(({ row }) => row),
      text: sound.map(({ rate }) => written(rate.mean!)),
      marker: {
        symbol: 'circle',
        // plotly makes dots of several sizes see-through.
        opacity: 1,
        line: { color: palette.ground, width: 1 },
        size: shares.map((share) => smallest + share * (largest - smallest)),
        color: shares.map(shadeOf),
      },
      hovertemplate: '%{y}<br>rate %{x:.3g}<br>%{text}<extra></extra>',
    },
    {
      ...{ type: 'scatter', mode: 'markers', name: 'training broke' },
      x: broken.map(({ rate }) => rate.learningRate),
      y: broken.map(({ row }) => row),
      marker: { symbol: 'x', size: 9, color: palette.faint },
      hovertemplate: '%{y}<br>rate %{x:.3g}<br>training broke<extra></extra>',
    },
    {
      ...{ type: 'scatter', mode: 'text+markers', name: 'best rate, with its score', textposition: 'top center' },
      x: peaks.map(({ rate }) => rate),
      y: peaks.map(({ row }) => row),
      text: peaks.map(({ score }) => written(score)),
      marker: { symbol: 'circle-open', size: largest + 4, color: palette.ink, line: { width: 2, color: palette.ink } },
      hoverinfo: 'skip',
      cliponaxis: false,
    },
  ];
  const rates = cells.map(({ rate }) => rate.learningRate);
  return {
    title: titleOf(points, sweep, written),
    data: data.filter((trace) => 'x' in trace && (trace.x as unknown[]).length > 0),
    layout: baseLayout(
      logAxis('learning rate', rates),
      { type: 'category', showgrid: false, range: [-0.6, rows.length - 0.2] },
      120 + 50 * Math.max(rows.length, 1),
    ),
  };
}

function isBroken(rate: RatePoint, { optimum }: PredictionPoint, { scoreDirection }: Sweep): boolean {
  const best = { mean: optimum.score, ...(optimum.scoreInterval && { interval: optimum.scoreInterval }) };
  return rate.mean === null || (rate.learningRate > optimum.learningRate && isOffCliff(rate, best, scoreDirection));
}

function titleOf(
  points: readonly PredictionPoint[],
  { scoreDirection, isShare }: Sweep,
  written: (score: number) => string,
): string {
  const best = points.reduce<PredictionPoint | undefined>(
    (most, one) =>
      most === undefined || shortfall(one.optimum.score, most.optimum.score, scoreDirection) < 0 ? one : most,
    undefined,
  );
  if (best === undefined) return 'No rate was tried';
  const { configuration, optimum } = best;
  if (isShare && optimum.score === 0) return 'Nothing is solved at any rate';
  return `The best score is ${written(optimum.score)}, of ${configuration} at about ${formatRate(optimum.learningRate)}`;
}
