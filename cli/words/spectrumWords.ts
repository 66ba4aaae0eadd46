import type { SpectrumResult } from '../../analysis/curvature/spectrum.ts';
import type { UpdateCurvature, UpdateCurvatureOptions } from '../../analysis/curvature/updateCurvature.ts';
import { alongUpdateLines } from './alongUpdateLines.ts';
import { type Output, shortNumber } from './output.ts';
import { distributionLines, moduleLines } from './spectrumBars.ts';

/** A spectrum, and the warm-up before it if there was one. */
export type MeasuredSpectrum = SpectrumResult & {
  readonly warmup?: UpdateCurvatureOptions['warmup'];
  readonly loraPlusRatio?: number;
  readonly alongUpdate?: UpdateCurvature;
};

/** A spectrum in words and tables. */
export function spectrumLines(result: MeasuredSpectrum, output: Output): string[] {
  return [
    endLine('lambda_max', result.lambdaMax),
    endLine('lambda_min', result.lambdaMin),
    `${result.parameters} parameters of ${result.method}, ${result.tokens} scored tokens in ${result.batches} batches, ` +
      `loss ${shortNumber(result.loss)}; ${result.outcome} after ${result.products} products, ${shortNumber(result.seconds, 2)} s`,
    ...sampleSizeLines(result),
    ...known(result).map(
      ({ optimizer, learningRate, formula, source }) =>
        `stable up to rate ${shortNumber(learningRate)} with ${optimizerNames[optimizer]}: ${formula} (${source})`,
    ),
    ...distributionLines(result, output),
    ...moduleLines(result, output),
    ...(result.alongUpdate ? alongUpdateLines(result.alongUpdate) : []),
    ...assumptionLines(result),
  ];
}

function endLine(
  name: string,
  { value, residualBound, errorBound = residualBound, standardError }: SpectrumResult['lambdaMax'],
): string {
  const spread = standardError === null ? '' : `, ${shortNumber(standardError, 2)} standard error over batches`;
  return `${name} ${shortNumber(value, 5)} (within ${shortNumber(errorBound, 2)}${spread})`;
}

function sampleSizeLines({ sampleSize }: SpectrumResult): string[] {
  if (sampleSize === null) return [];
  const { relativeError, sequences, low, high } = sampleSize;
  const interval = low === null ? 'a guess, from so few batches' : `90 % interval ${low} to ${high}`;
  return [`a standard error of ${100 * relativeError} % takes about ${sequences} sequences (${interval})`];
}

const optimizerNames = { gradientDescent: 'gradient descent', momentum: 'momentum', adam: 'Adam', loraPlus: 'LoRA+' };

/** The limits that there are. */
function known({ limits }: SpectrumResult) {
  return limits.flatMap(({ learningRate, ...limit }) => (learningRate === null ? [] : [{ ...limit, learningRate }]));
}

/** What the limits rest on; they share most of it. */
function assumptionLines(result: SpectrumResult): string[] {
  const assumptions = new Set(known(result).flatMap((limit) => limit.assumptions));
  return assumptions.size === 0 ? [] : ['', 'The limits assume:', ...[...assumptions].map((words) => `- ${words}`)];
}
