import { fittedCurve, ratePoints } from 'lambdamax/analysis';
import { nameOf } from './configurations.ts';
import { ofConfiguration, type RivalRecord, type RunRecord, sweepRunOf } from './records.ts';

/** How an optimizer that finds its own rate did at one length. */
export interface RivalRow {
  readonly by: string;
  /** How many configurations it ran on. */
  readonly count: number;
  /** What its one run gives up of the best loss on the fitted curve of the sweep, in %: mean and worst. Below 0 it ended lower. */
  readonly regret: number;
  readonly worstRegret: number;
  /** Mean of what it takes beside the run, in gradients of one batch. */
  readonly price: number;
}

/** Holds the runs of rivals against the sweeps; configurations without a sweep are left out. A run that diverged gives up 100 %. */
export function rivalRows(runs: readonly RunRecord[], rivals: readonly RivalRecord[]): RivalRow[] {
  return [...new Set(rivals.map(({ by }) => by))].sort().flatMap((by): RivalRow[] => {
    const judged = rivals.flatMap((rival) => {
      const best = rival.by === by ? bestOf(ofConfiguration(runs, rival)) : null;
      if (best === null) return [];
      const regret = rival.loss === null ? 100 : Math.min(100, 100 * (rival.loss / best - 1));
      return [{ regret, price: rival.gradientEvaluations }];
    });
    if (judged.length === 0) return [];
    const regrets = judged.map(({ regret }) => regret);
    const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
    return [
      {
        ...{ by, count: judged.length },
        ...{ regret: mean(regrets), worstRegret: Math.max(...regrets) },
        price: mean(judged.map(({ price }) => price)),
      },
    ];
  });
}

/** The least loss on the curve fitted to the sweep of one configuration; null where none finished. */
function bestOf(runs: readonly RunRecord[]): number | null {
  if (runs[0] === undefined) return null;
  return fittedCurve(ratePoints(runs.map(sweepRunOf), nameOf(runs[0])), 'lower')?.best ?? null;
}
