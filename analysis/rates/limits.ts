import { type ThresholdOptions, type Thresholds, thresholdDefaults, thresholds } from './thresholds.ts';

/** The largest stable learning rate of one optimizer, and what it rests on, in words. */
export interface Limit {
  readonly optimizer: keyof Thresholds;
  /** Null where there is no limit, or it is not known. */
  readonly learningRate: number | null;
  /** The limit's formula, in the names of {@link ThresholdOptions}. */
  readonly formula: string;
  /** What must hold for it to hold, each a sentence. */
  readonly assumptions: readonly string[];
  readonly source: string;
}

/** What an optimizer's limit depends on besides curvature. */
export interface LimitedOptimizer {
  /** The optimizer's name. */
  readonly name: string;
  readonly betas: readonly [beta1: number, beta2: number];
  readonly momentum: number;
  readonly weightDecay: number;
}

/**
 * The limit that belongs to an optimizer, whose rate is null where the curvature that it takes was not measured; null where no
 * limit is known. Throws as `thresholds` does.
 */
export function limitOf(
  optimizer: LimitedOptimizer,
  curvature: Pick<ThresholdOptions, 'lambdaMax' | 'preconditionedLambdaMax' | 'twoRateLambdaMax'>,
): Limit | null {
  const { momentum, weightDecay } = optimizer;
  const belonging = limitNameOf(optimizer);
  const all = limits({ ...curvature, momentum, weightDecay, beta1: optimizer.betas[0] });
  return all.find(({ optimizer: name }) => name === belonging) ?? null;
}

/** Null for an optimizer whose steps are no linear rule (LoFT), and for Adam's own weight decay, which is divided by P with the gradient. */
function limitNameOf({ name, momentum, weightDecay }: LimitedOptimizer): keyof Thresholds | null {
  switch (name) {
    case 'sgd':
      return momentum > 0 ? 'momentum' : 'gradientDescent';
    case 'adam':
      return weightDecay === 0 ? 'adam' : null;
    case 'adamw':
      return 'adam';
    case 'lora+':
      return 'loraPlus';
    default:
      return null;
  }
}

/** Every threshold with its formula, its assumptions and its source. Throws as `thresholds` does. */
export function limits(options: ThresholdOptions): Limit[] {
  const rates = thresholds(options);
  const {
    momentum = thresholdDefaults.momentum,
    beta1 = thresholdDefaults.beta1,
    weightDecay = thresholdDefaults.weightDecay,
    schedule,
  } = options;
  const curvature = weightDecay === 0 ? 'lambda_max(H)' : `(lambda_max(H) + ${weightDecay})`;
  const ofDescent = [...general, ...scheduleWords(schedule), ...(weightDecay === 0 ? [] : [penaltyDecay])];
  const ofAdam = [
    ...general,
    frozenMoments,
    ...scheduleWords(schedule),
    ...(schedule === undefined && beta1 > 0 ? [biasCorrection(beta1)] : []),
    ...(weightDecay === 0 ? [] : [decoupledDecay]),
  ];
  const adamFormula = (lambda: string): string => {
    const factor = Number(((2 + 2 * beta1) / (1 - beta1)).toPrecision(4));
    return weightDecay === 0 ? `${factor} / ${lambda}` : `1 / (${lambda} / ${factor} + ${weightDecay} / 2)`;
  };
  const all: Limit[] = [
    {
      optimizer: 'gradientDescent',
      learningRate: rates.gradientDescent,
      formula: `2 / ${curvature}`,
      assumptions: ofDescent,
      source: 'Cohen et al. 2021, arXiv 2103.00065',
    },
    {
      optimizer: 'momentum',
      learningRate: rates.momentum,
      formula: `${Number((2 * (1 + momentum)).toPrecision(4))} / ${curvature}`,
      assumptions: [...ofDescent, `Heavy-ball momentum ${momentum} without dampening, as PyTorch's SGD.`],
      source: 'Polyak 1964; Cohen et al. 2021, arXiv 2103.00065',
    },
    {
      optimizer: 'adam',
      learningRate: rates.adam,
      formula: adamFormula('lambda_max(P^-1/2 H P^-1/2)'),
      assumptions: ofAdam,
      source: 'Cohen et al. 2022, arXiv 2207.14484',
    },
  ];
  if (rates.loraPlus === undefined) return all;
  return [
    ...all,
    {
      optimizer: 'loraPlus',
      learningRate: rates.loraPlus,
      formula: adamFormula('lambda_max(D^1/2 P^-1/2 H P^-1/2 D^1/2)'),
      assumptions: [...ofAdam, 'It is the limit of the base rate: every other rate is its fixed multiple D of it.'],
      source: 'Hayou, Ghosh and Yu 2024, arXiv 2402.12354; Cohen et al. 2022, arXiv 2207.14484',
    },
  ];
}

const general = [
  'The loss is its quadratic model at this point: during training curvature moves, and often rises until it meets the limit.',
  'Gradients are of all the data that the curvature is of, without the noise of batches, and are not clipped.',
  'Where curvature is negative no rate is stable; the limit is about the top of the spectrum only.',
];

const frozenMoments =
  "P is frozen, as with beta2 near 1: Adam's second moments hardly move while a deviation swings to and fro.";

const penaltyDecay = 'Weight decay is the gradient of a penalty, as in SGD.';

const decoupledDecay =
  "Weight decay is decoupled, as in AdamW, and the same for all parameters; Adam's own penalty is not.";

/** What the limit has to do with rates that change. */
function scheduleWords(schedule: ThresholdOptions['schedule']): readonly string[] {
  return schedule === undefined
    ? [
        'The rate is constant. Under a schedule the limit is of the rate in use, so first of the peak that a warm-up ends in, and ' +
          'with the curvature there, not with that at the start.',
      ]
    : [
        'It is a limit of the peak rate: no step of the schedule is above what that step allows, were the curvature the same.',
      ];
}

/** Adam's first steps are larger than its later ones at the same rate. */
function biasCorrection(beta1: number): string {
  const share = (power: number): string => String(Number((1 - beta1 ** power).toPrecision(2)));
  const steps = Math.ceil(3 / (1 - beta1));
  return (
    `Adam's bias correction is over: step t allows only 1 - beta1^t of it, the first ${share(1)}. Above that deviations first grow, by ` +
    `orders of magnitude, before they shrink; with a warm-up of ${steps} steps no step is above it up to ${share(steps)} of the limit.`
  );
}
