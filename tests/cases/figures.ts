import { densityCurve } from '../../analysis/figures/densityCurve.ts';
import type { Figure } from '../../analysis/figures/figure.ts';
import { lambdaMaxByMethod } from '../../analysis/figures/lambdaMaxByMethod.ts';
import { moduleHeatMap, moduleHeatMaps } from '../../analysis/figures/modules/moduleHeatMap.ts';
import { ratioDensity } from '../../analysis/figures/modules/ratioDensity.ts';
import { ratioStrip } from '../../analysis/figures/modules/ratioStrip.ts';
import { optimumBySetting } from '../../analysis/figures/optimumBySetting.ts';
import { predictionAgainstOptimum } from '../../analysis/figures/predictionAgainstOptimum.ts';
import { learningCurves } from '../../analysis/figures/runs/learningCurves.ts';
import { gradientNormCurve, lossCurve, rateCurve } from '../../analysis/figures/runs/runCurves.ts';
import { hessianCurve, sharpnessCurve } from '../../analysis/figures/runs/sharpnessCurve.ts';
import { scoreBySetting } from '../../analysis/figures/scoreBySetting.ts';
import { scoreDots } from '../../analysis/figures/scoreDots.ts';
import { sweepCurve } from '../../analysis/figures/sweepCurve.ts';
import { predict } from '../../analysis/rates/predictor.ts';
import { randomStream } from '../../compute/random.ts';
import { grid, plantedProduct, plantedSweep } from './sweeps.ts';

/** A name as long as users give them. */
const longName = 'a-rather-long-name-of-my-own-variant, rank 64';

/** Names of modules as a model of some layers has them. */
export function moduleNames(layers: number): string[] {
  const kinds = ['q_proj', 'k_proj', 'v_proj', 'o_proj'].map((name) => `self_attn.${name}`);
  const all = [...kinds, 'mlp.gate_proj', 'mlp.up_proj', 'mlp.down_proj'];
  return Array.from({ length: layers }, (_, layer) => all.map((kind) => `model.layers.${layer}.${kind}`)).flat();
}

/** One of each kind of figure, of made-up findings, by name. */
export function everyFigure(): Record<string, Figure> {
  const random = randomStream(0, 'figures');
  const methods = ['lora', 'pissa', longName, 'olora', 'init-ab'].map((method, i) => ({
    ...{ method, lambdaMax: 16 * 4 ** i, optimum: 0.02 / 2 ** i, divergesAt: 0.1 / 2 ** i },
  }));
  const sweep = plantedSweep(methods, { rates: grid(1e-4, 2, 12), seeds: [0, 1], noise: 0.02 });
  const prediction = predict(sweep);
  const planted = plantedProduct(
    ['lora', 'pissa', 'olora'],
    { ranks: [4, 8, 16], batches: [8, 32] },
    (i, rank, batch) => ({
      ...{ optimum: (0.02 / 2 ** i) * (batch / 8) ** 0.5 * rank ** -0.3, lambdaMax: 3 ** i * rank },
    }),
  );
  const product = predict(plantedSweep(planted, { rates: grid(1e-4, 2, 11), seeds: [0, 1], noise: 0.01 }));
  const modules = moduleNames(6).map((name) => ({ name, lambdaMax: Math.exp(2 * random.normal()), lambdaMin: -1 }));
  const steps = Array.from({ length: 200 }, (_, i) => ({
    ...{
      step: i + 1,
      loss: 3 * Math.exp(-i / 60),
      learningRate: 1e-3 * Math.min(1, (i + 1) / 20),
      gradientNorm: 2 + random.normal() ** 2,
    },
    ...(i % 20 === 19 && { validationLoss: 3.1 * Math.exp(-i / 70) }),
    ...(i % 10 === 0 && { sharpness: { hessian: 10 + i, effective: 12 + i, threshold: 4e4, limit: 4e4 } }),
  }));
  const curves = methods.flatMap(({ method }) =>
    grid(1e-4, 4, 6).map((learningRate) => ({
      ...{ configuration: method, learningRate, steps: [1, 50, 100] },
      losses: learningRate > 0.05 ? [4, 9, null] : [4, 4 - 200 * learningRate, 3.5 - 200 * learningRate],
    })),
  );
  const values = grid(1, 1, 200).map((_, i) => -5 + 0.25 * i);
  const density = {
    ...{
      grid: values,
      density: values.map((x) => Math.exp((-x * x) / 2) / 2.5),
      standardError: values.map(() => 0.005),
    },
    width: 0.5,
  };
  return {
    sweep: sweepCurve(sweep, prediction.points),
    'score dots': scoreDots(sweep, prediction.points),
    'sweep in panels': sweepCurve(plantedSweep(planted, { rates: grid(1e-4, 2, 11) }), product.points),
    'optimum by setting': optimumBySetting(product.points, product.powers),
    'score by setting': scoreBySetting(
      plantedSweep(planted, { rates: grid(1e-4, 2, 11) }),
      product.points,
      product.powers,
    ),
    'lambda max': lambdaMaxByMethod(
      methods.map(({ method, lambdaMax }) => ({
        ...{ configuration: method, method, lambdaMax: { value: lambdaMax, standardError: lambdaMax / 8 } },
        lambdaMin: { value: -5, standardError: null },
      })),
    ),
    prediction: predictionAgainstOptimum(prediction),
    'heat map': moduleHeatMap(modules),
    'heat maps': moduleHeatMaps(['lora', longName].map((configuration) => ({ configuration, modules }))),
    'ratio strip': ratioStrip(
      ['pissa', longName].map((method, i) => ({
        method,
        modules: modules.map(({ name, lambdaMax }) => ({ name, ratio: lambdaMax * (i + 0.3) })),
      })),
    ),
    'ratio density': ratioDensity(
      ['pissa', longName].map((method, i) => ({
        method,
        modules: modules.map(({ name, lambdaMax }) => ({ name, ratio: lambdaMax * (i + 0.3) })),
      })),
    ),
    'learning curves': learningCurves(curves, prediction.points)!,
    density: densityCurve({ density, parameters: 1000, lambdaMax: 40, lambdaMin: -4 }),
    loss: lossCurve(steps),
    rate: rateCurve(steps),
    'gradient norm': gradientNormCurve(steps),
    sharpness: sharpnessCurve(steps),
    hessian: hessianCurve(steps),
  };
}
