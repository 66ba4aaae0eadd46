import { isLora } from '../../analysis/rates/groups.ts';
import type { Prediction } from '../../analysis/rates/prediction.ts';
import type { Output } from './output.ts';

/** A line for each configuration: what the sweep found, and the curvature beside it. */
export function optimaTable({ points }: Prediction, output: Pick<Output, 'table'>): string[] {
  const hasLoss = points.some(({ optimum }) => optimum.loss !== undefined);
  const hasRatio = points.some(({ method, ratioToLora }) => ratioToLora !== null && !isLora({ method }));
  const limited = points.flatMap(({ limit }) => limit ?? []);
  const optimizers = [...new Set(limited.map(({ optimizer }) => optimizer ?? 'gradient descent'))];
  return output.table(
    [
      ...['configuration', 'best rate', 'low', 'high'],
      ...(hasRatio ? ['x LoRA'] : []),
      'score',
      ...(hasLoss ? ['loss'] : []),
      'breaks at',
      ...(limited.length === 0 ? [] : [`limit of ${optimizers.length === 1 ? optimizers[0] : 'its optimizer'}`]),
      ...['lambda_max', '2/lambda_max'],
    ],
    points.map(({ configuration, isUnfinished, optimum, ratioToLora, divergesAt, limit, lambdaMax }) => [
      `${configuration}${isUnfinished ? ' (unfinished)' : ''}${optimum.atGridEdge ? ' (at the edge of its grid)' : ''}`,
      ...[optimum.learningRate, optimum.low, optimum.high],
      ...(hasRatio ? [ratioToLora?.value ?? null] : []),
      optimum.score,
      ...(hasLoss ? [optimum.loss ?? null] : []),
      divergesAt,
      ...(limited.length === 0 ? [] : [limit?.learningRate ?? null]),
      ...[lambdaMax, lambdaMax && 2 / lambdaMax],
    ]),
  );
}
