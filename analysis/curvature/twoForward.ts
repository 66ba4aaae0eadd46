import type { Vector } from '../../compute/tensors.ts';
import { axpy, norm } from '../../numerics/vectors.ts';
import type { Adapter } from '../../training/adapters/create.ts';
import { adapterFeeds } from '../../training/adapters/feeds.ts';
import { batchesOf, toBatch } from '../../training/data/batches.ts';
import { scoredPositions, type TokenRow } from '../../training/data/examples.ts';
import type { Model } from '../../training/model.ts';

/** The first two derivatives of the loss along a direction u, the second with the outputs taken as linear in theta. */
export interface AlongDirection {
  /** g'u. */
  readonly slope: number;
  /** u'Gu, G the Gauss-Newton matrix. */
  readonly gaussNewton: number;
}

/** 256 MB of logits in float32, and there are two passes. */
const usualMostLogits = 2 ** 26;

/**
 * g'u and u'Gu of the mean loss over the rows' scored positions, without any derivative: with the logits z at theta + step u
 * and theta - step u, dz = (z+ - z-) / (2 step) and p = softmax((z+ + z-) / 2), they are the means over positions of
 * E_p dz - dz_target and of Var_p dz. Equal to the exact products up to a term of order step^2, at the price of two forward
 * passes.
 *
 * @param direction u, of the length and precision of the adapter's parameters.
 * @param mostLogits so many logits of a pass are held at once, if a single row has no more; further rows go through in turn.
 */
export async function alongDirection(
  model: Model,
  adapter: Adapter,
  rows: readonly TokenRow[],
  direction: Vector,
  step: number,
  mostLogits = usualMostLogits,
): Promise<AlongDirection> {
  const { vocabSize } = model.config;
  const longest = Math.max(...rows.map(({ inputIds }) => inputIds.length));
  const atOnce = Math.min(rows.length, Math.max(1, Math.floor(mostLogits / (longest * vocabSize))));
  let [slope, gaussNewton] = [0, 0];
  for (const part of batchesOf(rows, atOnce)) {
    const batch = toBatch(part, { rows: atOnce, precision: model.precision });
    const { layout } = adapter;
    const executable = await model.logits(layout, batch);
    const logitsAt = async (distance: number): Promise<Vector> => {
      const feeds = adapterFeeds(movedAlong(adapter, direction, distance)).feeds;
      return (await executable.run(new Map([...feeds, ...Object.entries(batch.inputs)]))).get('logits') as Vector;
    };
    const [above, below] = [await logitsAt(step), await logitsAt(-step)];
    const { lossWeights, targets } = batch.inputs;
    for (let position = 0; position < lossWeights!.length; position++) {
      if (!(lossWeights![position]! > 0)) continue;
      const from = position * vocabSize;
      const to = from + vocabSize;
      const moments = outputMoments(above.subarray(from, to), below.subarray(from, to), step, targets![position]!);
      slope += moments.slope;
      gaussNewton += moments.gaussNewton;
    }
  }
  const scored = rows.reduce((sum, row) => sum + scoredPositions(row), 0);
  return { slope: slope / scored, gaussNewton: gaussNewton / scored };
}

/**
 * The step for {@link alongDirection} along directions like this one: it changes the logits by 5e-3 (float32) or 5e-5
 * (float64) in the root mean square. Smaller ones lose to the logits' rounding, larger ones to their third derivative; chosen
 * by measurement, where u'Gu came out right to about 3e-5 and 3e-9. How fast logits change is seen in two passes more.
 */
export async function differenceStep(
  model: Model,
  adapter: Adapter,
  rows: readonly TokenRow[],
  direction: Vector,
): Promise<number> {
  const trial = (1e-4 * norm(adapter.parameters)) / norm(direction);
  const { gaussNewton } = await alongDirection(model, adapter, rows, direction, trial);
  const change = model.precision === 'float64' ? 5e-5 : 5e-3;
  return gaussNewton > 0 ? change / Math.sqrt(gaussNewton) : trial;
}

/** The adapter at theta + distance u; its own parameters stay where they are. */
export function movedAlong(adapter: Adapter, direction: Vector, distance: number): Adapter {
  const parameters = adapter.parameters.slice();
  axpy(distance, direction, parameters);
  return { ...adapter, parameters };
}

/** E_p dz - dz_target and Var_p dz of one position, from its logits on both sides. */
function outputMoments(above: Vector, below: Vector, step: number, target: number): AlongDirection {
  const centre = (token: number): number => (above[token]! + below[token]!) / 2;
  const change = (token: number): number => (above[token]! - below[token]!) / (2 * step);
  let largest = Number.NEGATIVE_INFINITY;
  for (let token = 0; token < above.length; token++) largest = Math.max(largest, centre(token));
  let [mass, first] = [0, 0];
  for (let token = 0; token < above.length; token++) {
    const weight = Math.exp(centre(token) - largest);
    mass += weight;
    first += weight * change(token);
  }
  const mean = first / mass;
  // About the mean, in a second pass: its square may be far larger than the variance.
  let squares = 0;
  for (let token = 0; token < above.length; token++)
    squares += Math.exp(centre(token) - largest) * (change(token) - mean) ** 2;
  return { slope: mean - change(target), gaussNewton: squares / mass };
}
