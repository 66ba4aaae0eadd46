import { Matrix, solve } from 'ml-matrix';
import type { CurvatureOperator } from '../../analysis/curvature/operators/curvature.ts';
import { hessian } from '../../analysis/curvature/operators/hessian.ts';
import { norm } from '../../numerics/vectors.ts';
import { type Adapter, createAdapter } from '../../training/adapters/create.ts';
import { stepGradient } from '../../training/finetune/finetune.ts';
import { layoutTensors } from '../../training/layout/layout.ts';
import type { Model } from '../../training/model.ts';
import { adam } from '../../training/optimizers/adamw.ts';
import { dense } from '../oracles/dense.ts';
import { llamaBatch, referenceModel, referenceRows } from './reference.ts';

/** A network at a minimum of loss(x) + decay |x|^2 / 2. */
export interface TrainedNetwork {
  readonly model: Model;
  readonly adapter: Adapter;
  readonly decay: number;
  /** Gradient of the loss, without the penalty, over all data [size]. */
  gradientAt(x: Float64Array): Promise<Float64Array>;
  /** The Hessian of the loss, without the penalty, at the minimum. */
  hessian(): Promise<CurvatureOperator>;
}

/** The smallest Llama with an adapter of rank 1 on one module, in float64, trained to a gradient of `tolerance`. */
export async function trainedNetwork(tolerance = 1e-12): Promise<TrainedNetwork> {
  const model = await referenceModel('llama', 'float64');
  const rows = referenceRows('llama');
  const targetModules = 'layers.0.self_attn.q_proj';
  const adapter = await createAdapter(model, { method: 'init-ab', rank: 1, alpha: 4, targetModules, initSeed: 1 });
  const x = adapter.parameters as Float64Array;
  // Without a penalty there is no minimum but a valley, along which A grows as B shrinks.
  const decay = 0.05;
  const network: TrainedNetwork = {
    model,
    adapter,
    decay,
    gradientAt: async (parameters) =>
      (await stepGradient(model, { ...adapter, parameters }, rows)).gradient as Float64Array,
    hessian: async () => {
      const batch = llamaBatch('float64');
      const linearised = await model.program(adapter.layout, batch).linearise(adapter, batch.inputs);
      return hessian([{ scored: batch.scored, linearised }]);
    },
  };

  const optimizer = adam(layoutTensors(adapter.layout), { weightDecay: decay });
  for (let step = 0; step < 300; step++) optimizer.step(x, await network.gradientAt(x), 0.02);
  // Adam comes near, Newton's method arrives.
  for (let step = 0; step < 10; step++) {
    const gradient = (await network.gradientAt(x)).map((slope, index) => slope + decay * x[index]!);
    if (norm(gradient) < tolerance) return network;
    await using curvature = await network.hessian();
    const matrix = Matrix.add(await dense(curvature), Matrix.eye(x.length).mul(decay));
    const move = solve(matrix, Matrix.columnVector(Array.from(gradient)));
    for (let index = 0; index < x.length; index++) x[index]! -= move.get(index, 0);
  }
  throw new Error('the network did not come to a minimum');
}
