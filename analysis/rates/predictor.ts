import { LambdamaxError } from '../../errors.ts';
import { foldError, type Interval, mean, quantile } from '../../numerics/statistics.ts';
import { knownMethod } from '../../training/adapters/index.ts';
import { groupsOf, loraOf, type SettingsGroup } from './groups.ts';
import { limits } from './limits.ts';
import { type FittedCurve, fittedCurve, regretOnCurve } from './noise/fittedCurve.ts';
import { type NoiseFloor, noiseFloor, type SimulatedSweep, simulatedSweeps } from './noise/noiseFloor.ts';
import { runNoise } from './noise/runNoise.ts';
import { divergesAt, findOptimum, holdsAt } from './optimum.ts';
import { powersOf } from './powers.ts';
import type { EqualSettings, Findings, PeakSpread, Prediction, PredictionPoint, RatePrediction } from './prediction.ts';
import { othersOf, type PredictorPoint, type PredictorRule, predictorRules } from './predictors/rules.ts';
import { summariesOf } from './predictors/summaries.ts';
import { ratioToLora } from './ratioToLora.ts';
import { regretAt } from './regret.ts';
import { scaleLawOf } from './scaleLaw.ts';
import { ratePoints, type ScoreDirection, type StabilityLimit, type Sweep, shortfall, toldShortfall } from './sweep.ts';
import { claimsOf } from './verdict/claims.ts';
import { evidenceAtEqualSettings, evidenceOverAll } from './verdict/evidence.ts';
import { predictorNamed } from './verdict/findings.ts';
import { verdictOf } from './verdict/verdict.ts';

interface Measured extends PredictionPoint {
  readonly curve: FittedCurve;
  readonly resampledPeaks: readonly number[];
}

/**
 * Sets predicted learning rates against the empirical optima of a sweep. Deterministic: `seed` names the bootstrap's
 * random streams. Throws LambdamaxError when the sweep is empty or no configuration has a run that finished.
 */
export function predict(sweep: Sweep, { seed = 0 }: { seed?: number } = {}): Prediction {
  const { scoreDirection, isShare = false } = sweep;
  const measured = measure(sweep, seed);
  const groups = groupsOf(measured);
  const rulePoints = measured.map((point) => rulePoint(point, sweep));
  const rules = predictorRules(rulePoints);
  const points = measured.map(({ resampledPeaks: _, curve, ...point }, i): PredictionPoint => {
    const others = othersOf(rulePoints[i]!, rulePoints, groups);
    const predictions: Record<string, RatePrediction> = {};
    for (const rule of rules) {
      const learningRate = rule.predict(rulePoints[i]!, others);
      if (learningRate === null) continue;
      const regret = regretAt(curve.measured, scoreDirection, learningRate, isShare)!;
      predictions[rule.name] = {
        learningRate,
        foldError: foldError(learningRate, point.optimum.learningRate),
        ...regret,
        curveRegret: regretOnCurve(curve, learningRate).regret,
      };
    }
    const lora = loraOf(measured[i]!, measured, groups);
    return { ...point, ratioToLora: lora ? ratioToLora(point.optimum, lora.optimum) : null, predictions };
  });
  const curves = measured.map(({ curve }) => curve);
  const noise = noiseOf(curves, seed);
  const curveRegret = (name: string): Interval | null => curveRegretOf(name, points, noise?.simulated ?? []);
  const predictors = summariesOf(rules, { points, rulePoints, groups, seed, curveRegret });
  const peakSpread = spreadOfPeaks(measured, scoreDirection, isShare);
  const context = sweep.context ?? {};
  const known = new Set(points.map((point) => point.configuration));
  const unusable = namesOf(sweep).filter((name) => !known.has(name));
  const { done: runsDone = null, planned: runsPlanned = null, unfinished = [] } = sweep.progress ?? {};
  const notBegun = unfinished.filter((name) => !known.has(name) && !unusable.includes(name));
  const progress = { runsDone, runsPlanned, notBegun };
  const powers = powersOf(points);
  const findings = {
    ...{ points, predictors, peakSpread, powers, scoreDirection, isShare, context, unusable, ...progress },
    ...{ noiseFloor: noise?.floor ?? null, scaleLaw: scaleLawOf(points, context) },
  };
  const claims = judged(findings, rulePoints, groups, rules, seed);
  return { ...findings, ...claims, verdict: verdictOf(findings, claims) };
}

/** What the runs' noise makes of it all, as far as it can be told. */
function noiseOf(
  curves: readonly FittedCurve[],
  seed: number,
): { floor: NoiseFloor; simulated: readonly SimulatedSweep[] } | null {
  const noise = runNoise(curves);
  if (noise === null) return null;
  const simulated = simulatedSweeps(curves, noise, { seed });
  return { floor: noiseFloor(curves, simulated, noise), simulated };
}

/** The mean regret of a predictor's rates on the fitted curves, with the interval that simulated sweeps give it. */
function curveRegretOf(
  name: string,
  points: readonly PredictionPoint[],
  simulated: readonly SimulatedSweep[],
): Interval | null {
  const known = points.flatMap(({ predictions: { [name]: said } }, i) => (said === undefined ? [] : [{ i, ...said }]));
  if (known.length === 0) return null;
  const value = mean(known.map(({ curveRegret }) => curveRegret));
  if (simulated.length === 0) return { value, low: null, high: null };
  const drawn = simulated.map((sweep) =>
    mean(known.map(({ i, learningRate }) => regretOnCurve(sweep[i]!, learningRate).regret)),
  );
  // What noise adds to a regret it has added to the one that was seen as well (the basic bootstrap).
  const mirrored = (fraction: number): number => Math.max(0, 2 * value - quantile(drawn, fraction));
  return { value, low: mirrored(0.975), high: mirrored(0.025) };
}

/** The claims over all configurations and, where settings differ, at equal ones. */
function judged(
  findings: Findings,
  points: readonly PredictorPoint[],
  groups: readonly SettingsGroup[],
  rules: readonly PredictorRule[],
  seed: number,
): { claims: Prediction['claims']; equalSettings: EqualSettings | null } {
  const named = (name: string): PredictorRule => rules.find((rule) => rule.name === name)!;
  const compared = {
    calibrated: { power: named('two-over-lambda-calibrated'), root: named('root-lambda-calibrated') },
    constant: named('one-constant'),
  };
  const summary = predictorNamed(findings.predictors, 'two-over-lambda')!;
  const claims = claimsOf(findings, evidenceOverAll(points, summary, compared));
  if (groups.length === 1) return { claims, equalSettings: null };
  const evidence = evidenceAtEqualSettings(points, groups, compared, seed);
  return { claims, equalSettings: { groups, claims: claimsOf(findings, evidence) } };
}

function measure(sweep: Sweep, seed: number): Measured[] {
  const measured = namesOf(sweep).flatMap((configuration): Measured[] => {
    const known = sweep.configurations.find((one) => one.configuration === configuration);
    const points = ratePoints(sweep.runs, configuration);
    const found = findOptimum(points, sweep.scoreDirection, { seed, name: configuration });
    if (found === null) return [];
    const breaking = divergesAt(points, sweep.scoreDirection);
    const lambdaMax = known?.lambdaMax ?? null;
    const method = known?.method ?? sweep.runs.find((run) => run.configuration === configuration)!.method;
    return [
      {
        configuration,
        method,
        settings: known?.settings ?? {},
        isUnfinished: sweep.progress?.unfinished.includes(configuration) ?? false,
        optimum: found.optimum,
        ratioToLora: null,
        divergesAt: breaking,
        holdsAt: holdsAt(points, breaking),
        limit: known?.limit === undefined ? plainLimit(lambdaMax) : known.limit,
        lambdaMax,
        startsAtZeroB: known?.startsAtZeroB ?? startOf(method),
        predictions: {},
        resampledPeaks: found.resampledPeaks,
        curve: fittedCurve(points, sweep.scoreDirection, sweep.isShare)!,
      },
    ];
  });
  if (measured.length === 0) {
    const { length } = sweep.runs;
    const planned = sweep.progress === undefined ? '' : ` of ${sweep.progress.planned}`;
    throw new LambdamaxError({
      subject: 'sweep',
      expected: 'at least one finished run',
      got: length === 0 ? `no runs${planned}` : `${length}${planned} runs, all diverged`,
      remedy: length === 0 ? 'wait for the first one, or continue the sweep' : 'sweep smaller learning rates',
    });
  }
  return measured;
}

/** Whether a method of ours starts at B = 0, as it says itself; null for a name that is none. */
function startOf(method: string): boolean | null {
  // No setting changes it, and tables write names in capitals too.
  const [name] = method.trim().toLowerCase().split(':');
  return knownMethod(name!)?.startsAtZeroB ?? null;
}

/** The limit of gradient descent, where the optimizer is not known; null without a lambda_max. */
function plainLimit(lambdaMax: number | null): StabilityLimit | null {
  if (lambdaMax === null) return null;
  const { learningRate, formula } = limits({ lambdaMax }).find(({ optimizer }) => optimizer === 'gradientDescent')!;
  return { optimizer: null, learningRate, formula };
}

function namesOf(sweep: Sweep): string[] {
  return [...new Set(sweep.runs.map((run) => run.configuration))];
}

function rulePoint(point: Measured, sweep: Sweep): PredictorPoint {
  const known = sweep.configurations.find((one) => one.configuration === point.configuration);
  return {
    configuration: point.configuration,
    method: point.method,
    settings: point.settings,
    optimum: point.optimum.learningRate,
    lambdaMax: point.lambdaMax,
    predictedRates: known?.predictedRates ?? {},
    prices: known?.prices ?? {},
  };
}

function spreadOfPeaks(measured: readonly Measured[], direction: ScoreDirection, isShare: boolean): PeakSpread {
  const ordered = [...measured].sort((a, b) => shortfall(a.optimum.score, b.optimum.score, direction));
  const best = ordered[0]!;
  const worst = ordered.at(-1)!;
  const gap = (top: number, bottom: number): number => toldShortfall(bottom, top, direction, isShare);
  const resampled = best.resampledPeaks.flatMap((top, i) => {
    const bottom = best === worst ? undefined : worst.resampledPeaks[i];
    return bottom === undefined ? [] : [gap(top, bottom)];
  });
  return {
    value: gap(best.optimum.score, worst.optimum.score),
    low: resampled.length === 0 ? null : quantile(resampled, 0.025),
    high: resampled.length === 0 ? null : quantile(resampled, 0.975),
    best: best.configuration,
    worst: worst.configuration,
  };
}
