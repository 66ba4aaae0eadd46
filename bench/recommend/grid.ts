/** What became of one rate; null: training diverged. */
export interface TriedRate {
  readonly learningRate: number;
  readonly loss: number | null;
}

/** Every sweep's rates are 1e-3 times a whole power of 2, and of its root beside the best: no predictor has a say in them. */
const anchor = 1e-3;

/** A worse rate closes off its side of the best one if it is worse by so much; else two are wanted. */
const clearly = 0.01;

/** The rate of the grid that is nearest, on a logarithmic scale. */
export function onGrid(rate: number): number {
  return short(anchor * 2 ** Math.round(Math.log2(rate / anchor)));
}

/**
 * The rate to try next, a factor of 2 beyond those tried, until the best has on each side one rate that diverged or is clearly
 * worse, or two that are worse; null once it has.
 */
export function nextRate(tried: readonly TriedRate[]): number | null {
  const rates = tried.map(({ learningRate }) => learningRate);
  const best = bestOf(tried);
  if (best === null) return short(Math.min(...rates) / 2);
  const isClosed = (side: readonly TriedRate[]): boolean =>
    side.length >= 2 || side.some(({ loss }) => loss === null || loss > (1 + clearly) * best.loss);
  if (!isClosed(tried.filter(({ learningRate }) => learningRate > best.learningRate)))
    return short(2 * Math.max(...rates));
  if (!isClosed(tried.filter(({ learningRate }) => learningRate < best.learningRate)))
    return short(Math.min(...rates) / 2);
  return null;
}

/** The rates half a step beside the best one that were not tried. */
export function halfSteps(tried: readonly TriedRate[]): number[] {
  const best = bestOf(tried.filter(({ learningRate }) => learningRate === onGrid(learningRate)));
  if (best === null) return [];
  const beside = [short(best.learningRate / Math.SQRT2), short(best.learningRate * Math.SQRT2)];
  return beside.filter((rate) => tried.every(({ learningRate }) => learningRate !== rate));
}

function bestOf(tried: readonly TriedRate[]): { readonly learningRate: number; readonly loss: number } | null {
  const finished = tried.flatMap(({ learningRate, loss }) => (loss === null ? [] : [{ learningRate, loss }]));
  return finished.toSorted((a, b) => a.loss - b.loss)[0] ?? null;
}

/** Four digits, so that a rate is the same number wherever it is made. */
function short(rate: number): number {
  return Number(rate.toPrecision(4));
}
