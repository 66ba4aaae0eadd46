import { sizeOf } from '../compute/tensors.ts';
import { cheapestLengths, type LengthCount, type PadTo } from './data/paddedLengths.ts';
import type { Model } from './model.ts';

/** What each batch of a length is computed for, and how many graphs that takes. */
const work = {
  /** Forward passes and graphs of one loss. */
  loss: { passes: 1, graphs: 1 },
  gradient: { passes: 2, graphs: 1 },
  /** The batch linearised, and some 15 products. */
  curvature: { passes: 50, graphs: 3 },
} as const;

/**
 * What a graph's compilation takes, in floating-point operations, for each layer: 0.04 s at 10^11 a second, as measured for graphs
 * that are kept on disk. Of a run's first graphs, which are not, it is three times as much; but the runs of a study share theirs.
 */
const compilationFlops = 4e9;

/**
 * The lengths that batches of so many rows are padded to, so that the work on all of them and the compilation of graphs for their
 * lengths cost least together. Results differ from those of other lengths by rounding alone.
 */
export function paddingFor(model: Model, what: keyof typeof work, rows: number, counts: readonly LengthCount[]): PadTo {
  const { modules, weights, outputName, config } = model.decoder;
  const output = weights.find(({ name }) => name === outputName)!;
  const matrices = modules.reduce((sum, module) => sum + module.in * module.out, sizeOf(output.shape));
  const { passes, graphs } = work[what];
  const price = (graphs * compilationFlops * config.layers) / (2 * matrices * passes * rows);
  return cheapestLengths(counts, price);
}
