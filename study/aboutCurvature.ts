import type { Configuration } from './configurations/configuration.ts';
import type { PredictedOf } from './measure/predictors.ts';
import { configurationKey, type StudyPlan } from './plan/plan.ts';

/** Rates of all configurations lie on one lattice, 1e-3 times powers of this, so that curves have rates in common. */
const latticeFactor = 2;

/** So many rates on either side of the one that is nearest to what curvature recommends. */
const neighbours = 2;

/**
 * The plan with the first rates of each configuration about the one that curvature recommends, where that could say one; what a plan
 * has already stays, so that a study that goes on makes the same runs.
 */
export function aboutCurvature(plan: StudyPlan, predictedOf: PredictedOf): StudyPlan {
  const grids = plan.configurations.flatMap((configuration): [string, readonly number[]][] => {
    const key = configurationKey(configuration);
    const known = plan.grids?.[key];
    const recommended = known ?? gridAbout(recommendedRate(configuration, predictedOf));
    return recommended === null ? [] : [[key, recommended]];
  });
  return { ...plan, grids: Object.fromEntries(grids) };
}

function recommendedRate(configuration: Configuration, predictedOf: PredictedOf): number | null {
  return predictedOf(configuration).find(({ rates }) => rates.curvature != null)?.rates.curvature ?? null;
}

/** Rates of the lattice about another, ascending; null for none. */
export function gridAbout(rate: number | null): readonly number[] | null {
  if (rate === null || !(rate > 0)) return null;
  const nearest = Math.round(Math.log(rate / 1e-3) / Math.log(latticeFactor));
  return Array.from({ length: 2 * neighbours + 1 }, (_, at) =>
    Number((1e-3 * latticeFactor ** (nearest - neighbours + at)).toPrecision(4)),
  );
}
