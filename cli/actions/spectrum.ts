import type { SpectrumOptions, SpectrumResult } from '../../analysis/curvature/spectrum.ts';
import { relativeToLora } from '../../analysis/rates/relativeToLora.ts';
import type { Adapter } from '../../training/adapters/create.ts';
import type { TokenRow } from '../../training/data/examples.ts';
import type { Model } from '../../training/model.ts';
import type { AdapterChoice } from '../options/adapterOptions.ts';
import { demandAdapter } from '../options/inputs.ts';
import type { WarmupSettings } from '../options/options.ts';
import type { OptimizerChoices } from '../options/runOptions.ts';
import { given } from '../options/values.ts';
import type { SpectrumBesideLora } from '../words/comparisonLines.ts';
import { sayMemory } from '../words/cost.ts';
import { type Output, shortNumber } from '../words/output.ts';
import type { MeasuredSpectrum } from '../words/spectrumWords.ts';
import { showStages } from '../words/stages.ts';

/** What is measured of an adapter, and how well. */
export interface SpectrumSettings
  extends Pick<
    SpectrumOptions,
    | 'tolerance'
    | 'maxSteps'
    | 'mostKeptBytes'
    | 'perModule'
    | 'topK'
    | 'traceProducts'
    | 'density'
    | 'schedule'
    | 'workers'
  > {
  readonly operator: SpectrumResult['operator'];
  /** The optimizer of the warm-up of `adam`, and of the limits. */
  readonly optimizer: OptimizerChoices;
  readonly warmup: WarmupSettings;
  /** Number of batches from which `--along-update` takes a step each; absent: not measured. */
  readonly directions?: number;
  /** Seconds after which a silent worker is ended; absent: never. */
  readonly workerTimeout?: number;
  /** `--modules` */
  readonly modulePattern?: string;
}

/** Settings of a spectrum, with how rows are batched. */
export type SpectrumRun = SpectrumSettings & {
  readonly batchSize: number;
  readonly seed: number;
  /** Seconds of the command at which the work for this spectrum began, its adapter's initial values among it. Default 0. */
  readonly from?: number;
};

/** Measures the spectrum where an adapter stands, for Adam's after a warm-up; shows how it goes, and warns if it went badly. */
export async function measureSpectrum(
  model: Model,
  start: Adapter,
  rows: readonly TokenRow[],
  settings: SpectrumRun,
  output: Output,
): Promise<MeasuredSpectrum> {
  const {
    operator,
    optimizer,
    warmup,
    modulePattern,
    directions,
    workerTimeout,
    batchSize,
    seed,
    from = 0,
    ...rest
  } = settings;
  const { optimizerSettings } = await import('../../training/optimizers/index.ts');
  const { betas, eps, weightDecay, momentum } = optimizerSettings('adamw', optimizer);
  const { loraPlusRatio } = optimizer;
  const { matchModules } = await import('../../training/layout/matchModules.ts');
  const { warmUp } = await import('../../training/warmup.ts');
  const { productsAfter, spectrum } = await import('../../analysis/curvature/spectrum.ts');
  const modules = modulePattern && matchModules([...start.layout.modules.keys()], modulePattern);
  const adam = { betas, weightDecay, eps };
  const stepping = { batchSize, seed, adam, ...given({ loraPlusRatio }) };
  if (operator === 'adam') output.stage(`warming up: ${warmup.steps} steps of Adam`);
  const warmed = operator === 'adam' ? await warmUp(model, start, rows, { ...warmup, ...stepping }) : undefined;
  const curvature = operator === 'ggn' ? 'gaussNewton' : 'hessian';
  const stages = showStages(output);
  const before = output.elapsed() - from;
  const result = await spectrum(model, warmed?.adapter ?? start, rows, {
    ...rest,
    ...{ batchSize, seed, curvature, momentum, weightDecay, beta1: betas[0] },
    workerSilence: { onSilence: output.warn, ...given({ endedAfter: workerTimeout }) },
    ...(modules ? { modules } : {}),
    ...(warmed ? { preconditioner: warmed.preconditioner } : {}),
    ...(warmed && loraPlusRatio !== undefined ? { rateFactors: warmed.rateFactors } : {}),
    onStage: (stage) => stages.show(stage),
    onMemory: (memory) => sayMemory(memory, output),
    onStep({ products, lambdaMax, expected }) {
      // What nobody sees need not be foreseen, which takes as long as some products.
      if (output.quiet) return;
      const total = expected() + productsAfter;
      stages.show({ name: 'products', done: products, total }, `lambda_max ${shortNumber(lambdaMax.value)}`);
    },
  }).finally(stages.stop);
  const { requireFiniteLoss } = await import('../../training/finiteLoss.ts');
  await requireFiniteLoss(model, 'loss whose curvature is measured', result.loss);
  const { explain } = await import('../../numerics/krylov/outcome.ts');
  for (const outcome of new Set([result.outcome, result.topOutcome ?? 'converged']))
    if (outcome !== 'converged' && outcome !== 'krylovExhausted') output.warn(explain(outcome, result.fault));
  const { updateCurvature } = await import('../../analysis/curvature/updateCurvature.ts');
  if (directions) output.stage("measuring along Adam's own step");
  const alongUpdate = directions && (await updateCurvature(model, start, rows, { warmup, directions, ...stepping }));
  return {
    ...result,
    setupSeconds: before + result.setupSeconds,
    seconds: output.elapsed() - from,
    ...(warmed ? { warmup, ...given({ loraPlusRatio }) } : {}),
    ...(alongUpdate ? { alongUpdate } : {}),
  };
}

/** Measures the spectra of several methods, `lora` among them, on the same rows with the same settings. */
export async function compareMethods(
  model: Model,
  methods: readonly string[],
  adapterOptions: AdapterChoice,
  rows: readonly TokenRow[],
  settings: SpectrumRun,
  output: Output,
): Promise<SpectrumBesideLora[]> {
  const spectra: MeasuredSpectrum[] = [];
  for (const method of methods) {
    output.say(method);
    const from = spectra.length === 0 ? 0 : output.elapsed();
    const start = await demandAdapter(model, { ...adapterOptions, method }, rows, output);
    spectra.push({ ...(await measureSpectrum(model, start, rows, { ...settings, from }, output)), method });
  }
  const lora = spectra[methods.indexOf('lora')]!;
  return spectra.map((spectrum) => ({ ...spectrum, relativeToLora: relativeToLora(spectrum, lora) }));
}
