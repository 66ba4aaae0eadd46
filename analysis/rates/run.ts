/** A run's sharpness at a step, null where it is not known; `training/finetune/metrics.ts` says what each is. */
export interface RunSharpness {
  readonly hessian: number | null;
  readonly effective: number | null;
  readonly threshold: number | null;
  readonly limit: number | null;
}

/** A step of a run, as metrics.jsonl has it. */
export interface RunStep {
  readonly step: number;
  readonly loss: number | null;
  readonly learningRate: number;
  readonly gradientNorm: number | null;
  readonly validationLoss?: number | null | undefined;
  readonly sharpness?: RunSharpness | undefined;
}

/** Sharpness where it was measured, in the order of steps. */
export function measuredSteps(steps: readonly RunStep[]): (RunSharpness & Pick<RunStep, 'step' | 'learningRate'>)[] {
  return steps.flatMap(({ step, learningRate, sharpness }) =>
    sharpness ? [{ step, learningRate, ...sharpness }] : [],
  );
}

/**
 * The rate times the sharpness at which steps along the top eigenvector begin to grow, which is an optimizer's own: 2 for plain
 * gradient descent, 38 for Adam. Null if no measurement tells.
 */
export function stabilityFactorOf(steps: readonly RunStep[]): number | null {
  const told = measuredSteps(steps).find(({ threshold }) => threshold !== null);
  return told === undefined ? null : told.learningRate * told.threshold!;
}

/** Whether the optimizer's steps saw something else than the Hessian itself: a preconditioner, two rates, weight decay. */
export function seesOtherwise(steps: readonly RunStep[]): boolean {
  return measuredSteps(steps).some(({ hessian, effective }) => effective !== null && effective !== hessian);
}

/** How sharpness went and where it was above the threshold of the rate in use, in sentences; none if it was not measured. */
export function sharpnessWords(steps: readonly RunStep[]): string[] {
  const measured = measuredSteps(steps);
  const hessians = measured.filter(({ hessian }) => hessian !== null);
  const shares = measured.flatMap(({ step, effective, threshold }) =>
    effective === null || threshold === null ? [] : [{ step, share: effective / threshold }],
  );
  const above = shares.filter(({ share }) => share > 1);
  const [first, last] = [hessians[0], hessians.at(-1)];
  return [
    ...(first && last && first !== last
      ? [
          `λmax of the Hessian went from ${digits(first.hessian!)} after step ${first.step} to ${digits(last.hessian!)} after ` +
            `step ${last.step}, a factor of ${digits(last.hessian! / first.hessian!, 2)}.`,
        ]
      : []),
    ...(shares.length > 0
      ? [
          `What the optimizer’s steps see was between ${digits(Math.min(...shares.map(({ share }) => share)), 2)} and ` +
            `${digits(Math.max(...shares.map(({ share }) => share)), 2)} of the threshold of the rate in use, and above it at ` +
            `${above.length} of ${shares.length} measurements${above[0] ? `, first after step ${above[0].step}` : ''}.`,
        ]
      : []),
  ];
}

function digits(value: number, count = 3): string {
  return String(Number(value.toPrecision(count)));
}
