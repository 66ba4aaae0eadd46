import { type Drawings, drawn, type Figure } from '../figures/figure.ts';
import { gradientNormCurve, lossCurve, rateCurve } from '../figures/runs/runCurves.ts';
import { hessianCurve, sharpnessCurve } from '../figures/runs/sharpnessCurve.ts';
import { measuredSteps, type RunStep, seesOtherwise, sharpnessWords } from '../rates/run.ts';
import { renderPage } from './page.ts';

/** A run and what became of it. */
export interface RunPageInput {
  readonly name: string;
  readonly steps: readonly RunStep[];
  /** Null while it is not done. */
  readonly result: {
    readonly status: 'finished' | 'diverged';
    readonly steps: number;
    readonly tokens: number;
    readonly initialLoss: number | null;
    readonly finalLoss: number | null;
    readonly validationLoss?: number | null | undefined;
    readonly reason?: string | null | undefined;
  } | null;
}

/** All figures of a run, by name. */
const drawings: Drawings<RunPageInput> = {
  loss: ({ steps }) => lossCurve(steps),
  sharpness: ({ steps }) => (measuredOf(steps).hasEffective ? sharpnessCurve(steps) : null),
  hessian: ({ steps }) => (measuredOf(steps).hasHessian ? hessianCurve(steps) : null),
  'learning-rate': ({ steps }) => rateCurve(steps),
  'gradient-norm': ({ steps }) => gradientNormCurve(steps),
};

/** The names of all figures that a run can have. */
export const runFigureNames: readonly string[] = Object.keys(drawings);

/** The page's figures by name, as far as there is something to show. */
export function runFigures(run: RunPageInput): Record<string, Figure> {
  return drawn(drawings, run);
}

/**
 * A run as one HTML document that needs nothing else: loss, rate and gradient norm of its steps and, where it was measured,
 * sharpness against the threshold of the rate in use.
 */
export function renderRunPage(run: RunPageInput): string {
  const verdict = [outcomeWords(run), ...sharpnessWords(run.steps)].join(' ');
  const content = { title: titleOfRun(run), setting: settingOf(run), verdict, ...measuredOf(run.steps) };
  return renderPage('run', content, runFigures(run));
}

/** What stands above all that is drawn of a run. */
export function titleOfRun({ name }: RunPageInput): string {
  return `Run ${name}`;
}

/** The Hessian has a figure of its own where the optimizer's steps see something else. */
function measuredOf(steps: readonly RunStep[]) {
  const measured = measuredSteps(steps);
  const hasEffective = measured.some(({ effective }) => effective !== null);
  return { hasEffective, hasHessian: measured.length > 0 && (seesOtherwise(steps) || !hasEffective) };
}

function settingOf({ steps, result }: RunPageInput): string[] {
  const count = result?.steps ?? steps.length;
  return [`${count.toLocaleString('en')} steps`, ...(result ? [`${result.tokens.toLocaleString('en')} tokens`] : [])];
}

function outcomeWords({ result, steps }: RunPageInput): string {
  if (result === null) return `Not done: ${steps.length} steps so far.`;
  const { status, reason, initialLoss, finalLoss, validationLoss } = result;
  if (status === 'diverged') return `Diverged: ${reason ?? 'no reason is given'}.`;
  const validation = typeof validationLoss === 'number' ? `, validation loss ${validationLoss.toPrecision(4)}` : '';
  return `Finished: loss ${lossText(initialLoss)} at the first step, ${lossText(finalLoss)} at the end${validation}.`;
}

function lossText(loss: number | null): string {
  return loss === null ? 'not finite' : loss.toPrecision(4);
}
