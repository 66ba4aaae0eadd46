import type { DirectionMean, UpdateCurvature } from '../../analysis/curvature/updateCurvature.ts';
import { shortNumber } from './output.ts';

/** How the loss bends and falls along Adam's own step, in words. */
export function alongUpdateLines(along: UpdateCurvature): string[] {
  const { hessian, gaussNewton, gaussNewtonTwoForward, slope, quadraticRate, lineSearch, warmup, directions } = along;
  const exact = gaussNewton === null ? '' : `u'Gu ${withError(gaussNewton)}, `;
  const bent =
    hessian !== null && hessian.value < 0 ? ' (negative: the loss bends down, and nothing is divided by it)' : '';
  return [
    '',
    `along Adam's own step u after ${warmup.steps} steps at rate ${shortNumber(warmup.learningRate)}, mean of ${directions} batches:`,
    `g'u ${withError(slope)}, ${exact}by two forward passes ${withError(gaussNewtonTwoForward)}`,
    ...(hessian === null ? [] : [`u'Hu ${withError(hessian)}${bent}`]),
    quadraticRate === null
      ? 'the loss does not fall along it'
      : `g'u / u'Gu: rate ${withError(quadraticRate)}, where the Gauss-Newton model of the loss is least`,
    lineSearch.learningRate === null
      ? 'line search: no rate lowers the loss'
      : `line search: the loss itself is least at rate ${shortNumber(lineSearch.learningRate)}`,
  ];
}

function withError({ value, standardError }: DirectionMean): string {
  return standardError === null ? shortNumber(value) : `${shortNumber(value)} +- ${shortNumber(standardError, 2)}`;
}
