import type { TensorSpec } from '../../compute/tensors.ts';
import { type AdamOptions, adaptive } from './adamw.ts';
import { type Optimizer, restoreVectors } from './optimizer.ts';

/** Steps from one look ahead to the next: the least that the authors advise. */
const lookEvery = 4;

/** The part of the rate in use that stays. */
const smoothing = 0.9;

/** The rate that a parabola asks for counts as no further than this factor from the one in use. */
const largestChange = 2;

/**
 * AdamW that sets its own learning rate by the generalized Newton's method. In every fourth step, with u the update that AdamW is about
 * to make per unit of the rate eta in use, it asks for the loss L at x - eta u and x + eta u. A parabola through these and L(x) has
 * its least value at
 *
 *     eta' = eta / 2 (L(x + eta u) - L(x - eta u)) / (L(x + eta u) - 2 L(x) + L(x - eta u))
 *
 * Where it opens upwards and eta' is above 0, eta <- 0.9 eta + 0.1 eta', eta' held within [eta / 2, 2 eta]; else eta stays. A loss that is
 * not finite halves eta. Bu and Xu 2024, arXiv 2407.02772, with the constants of the authors' package `gen-optim`.
 *
 * Where paper and package leave a choice: the losses are those of the step's own batch, so that L(x) is there already and a look costs
 * two forward passes (the package takes three, on a batch of its own); moments take each gradient once (there twice, as looking makes
 * a step); and eta is a factor of the schedule's rate, which begins at 1, so that the rate given is the first one and a schedule's
 * warm-up and decay stay. The authors' own examples have a constant schedule.
 *
 * @throws ArgumentError for settings out of range.
 */
export function genAdamw(specs: readonly TensorSpec[], options: AdamOptions = {}): Optimizer {
  const name = 'gen-adamw';
  const inner = adaptive(name, 'decoupled', specs, options);
  const trial = adaptive(name, 'decoupled', specs, options);
  const vectors = { rateFactor: Float64Array.of(1) };
  const factor = (): number => vectors.rateFactor[0]!;

  return {
    name,
    async lookAhead({ parameters, gradient, learningRate, loss, lossAt }) {
      const state = inner.state();
      if ((state.steps + 1) % lookEvery !== 0 || learningRate === 0) return;
      const ahead = parameters.slice();
      trial.restore(state);
      trial.step(ahead, gradient, factor() * learningRate);
      const behind = parameters.map((value, index) => 2 * value - ahead[index]!);
      vectors.rateFactor[0] = factor() * changeOfRate(await lossAt(behind), loss, await lossAt(ahead));
    },
    step: (parameters, gradient, learningRate) => inner.step(parameters, gradient, factor() * learningRate),
    state() {
      const state = inner.state();
      return { ...state, vectors: { ...state.vectors, rateFactor: vectors.rateFactor.slice() } };
    },
    restore(state) {
      const { rateFactor, ...moments } = state.vectors;
      const read = { rateFactor: new Float64Array(1) };
      // Nothing may change unless all of it fits.
      trial.restore({ ...state, vectors: moments });
      restoreVectors(name, read, { ...state, vectors: { ...(rateFactor && { rateFactor }) } });
      inner.restore({ ...state, vectors: moments });
      vectors.rateFactor.set(read.rateFactor);
    },
    secondMoment: () => inner.secondMoment(),
    stepRule() {
      const { scale, decay, ...rule } = inner.stepRule!();
      const atOwnRate = (values: Float64Array): Float64Array => values.map((value) => factor() * value);
      return { ...rule, scale: atOwnRate(scale), decay: atOwnRate(decay) };
    },
  };
}

/** What the rate in use is to be multiplied by, given the losses one step behind, here and one step ahead. */
function changeOfRate(behind: number, here: number, ahead: number): number {
  if (!Number.isFinite(behind) || !Number.isFinite(ahead)) return 1 / largestChange;
  const wanted = (behind - ahead) / (2 * (behind - 2 * here + ahead));
  const opensUpwards = behind - 2 * here + ahead > 0;
  if (!opensUpwards || !(wanted > 0)) return 1;
  return smoothing + (1 - smoothing) * Math.min(Math.max(wanted, 1 / largestChange), largestChange);
}
