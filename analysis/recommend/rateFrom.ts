import type { LineSearchResult } from '../curvature/lineSearch.ts';
import { curvatureOptimum } from './curvatureRate.ts';
import { extrapolate, type RateEstimate } from './extrapolation.ts';
import { optimumOf, type ProbePoint } from './probeSearch.ts';

/** What a recommendation was made from, as far as it is to be kept: probe runs, or without any the line search. */
export interface RateEvidence {
  /** Optimizer steps of the run that the rate is for. */
  readonly steps: number;
  readonly probes: readonly ProbePoint[];
  readonly lineSearch: Pick<LineSearchResult, 'learningRate' | 'logStandardError'> | null;
  /** What the rule of thumb says, or null. */
  readonly prior: RateEstimate | null;
}

/**
 * The rate that follows from what was measured: a recommendation read again, without a run. Null where every probe diverged, or
 * where the line search found no lower loss.
 */
export function rateFrom({ steps, probes, lineSearch, prior }: RateEvidence): RateEstimate | null {
  const lengths = [...new Set(probes.map((probe) => probe.steps))].sort((a, b) => a - b);
  const rounds = lengths.flatMap((length) => {
    const round = optimumOf(
      probes.filter((probe) => probe.steps === length),
      length,
      steps,
    );
    return round === null ? [] : [round];
  });
  const along = probes.length > 0 || lineSearch === null ? null : curvatureOptimum(lineSearch);
  const optima = along === null ? rounds : [along];
  return optima.length === 0 ? null : extrapolate(optima, steps, prior);
}
