import type { SpectrumOptions, SpectrumResult } from '../analysis/spectrum.ts';
import type { Arguments, Command } from './command.ts';
import { costLine } from './cost.ts';
import { demandAdapter, demandData, openModel, readData } from './inputs.ts';
import {
  adapterOptions,
  dataOptions,
  engineOptions,
  modelOptions,
  modulesOption,
  parseAdapter,
  parseData,
  parseEngine,
  parseModel,
  parseModules,
  parseWarmup,
  value,
  warmupOptions,
} from './options.ts';
import { type Output, shortNumber } from './output.ts';
import { distributionLines } from './spectrumBars.ts';
import { choice, number, optional, required, wholeNumber } from './values.ts';

/** `lambdamax spectrum`: how sharp the loss is. */
export const command: Command = {
  usage: 'spectrum',
  summary: 'Largest and smallest eigenvalue of the Hessian (or Gauss-Newton matrix) of the loss in an adapter',
  options: {
    ...modelOptions,
    ...adapterOptions,
    ...dataOptions,
    ...modulesOption,
    'per-module': { type: 'boolean', group: 'Curvature:', describe: "each module's own block besides" },
    operator: value(
      'Curvature',
      'NAME',
      'hessian; ggn: the Gauss-Newton matrix; adam: preconditioned by second moments after a warm-up',
      'hessian',
    ),
    ...warmupOptions,
    tolerance: value('Curvature', 'X', 'relative error of each end', '1e-3'),
    'max-products': value('Curvature', 'N', 'most products with vectors, for the ends and for --top-k', '200'),
    'top-k': value('Curvature', 'K', 'the K largest eigenvalues besides'),
    trace: { type: 'boolean', group: 'Curvature:', describe: 'the trace besides, by Hutch++' },
    'trace-products': value('Curvature', 'N', 'products with vectors for --trace', '60'),
    density: { type: 'boolean', group: 'Curvature:', describe: 'the density of all eigenvalues besides' },
    'density-probes': value('Curvature', 'N', 'random vectors for --density', '10'),
    'density-steps': value('Curvature', 'N', 'Lanczos steps, so products, for each', '80'),
    ...engineOptions,
  },
  examples: [
    ['spectrum --data train.jsonl --limit 64 --method pissa', 'the whole adapter'],
    ['spectrum --data train.jsonl --limit 64 --method lora --per-module', 'and every module'],
    [
      'spectrum --data train.jsonl --limit 64 --method lora --top-k 10 --trace --density',
      'and how all eigenvalues lie',
    ],
  ],
  async run(args, output) {
    const data = parseData(args);
    const files = demandData(data);
    const adapterChoice = parseAdapter(args);
    const modulePattern = parseModules(args);
    const operator = required(args, 'operator', choice(['hessian', 'ggn', 'adam']));
    const warmup = parseWarmup(args);
    const search = {
      tolerance: required(args, 'tolerance', number({ above: 0, below: 1 })),
      maxSteps: required(args, 'max-products', wholeNumber(1)),
      seed: data.seed,
    };
    const distribution = parseDistribution(args);
    await using model = await openModel({ ...parseModel(args), ...parseEngine(args) }, output);
    const rows = await readData(model, files, data, output);
    const start = await demandAdapter(model, adapterChoice, rows);
    const { matchModules } = await import('../training/checkpoint/matchModules.ts');
    const modules = modulePattern && matchModules([...start.layout.modules.keys()], modulePattern);

    const { warmUp } = await import('../training/warmup.ts');
    const { spectrum } = await import('../analysis/spectrum.ts');
    const { batchSize, seed } = data;
    const warmed =
      operator === 'adam' ? await warmUp(model, start, rows, { ...warmup, batchSize, seed }) : { adapter: start };
    const curvature = operator === 'ggn' ? 'gaussNewton' : 'hessian';
    output.say(await costLine(model, start.layout, rows, { batchSize, what: curvature }));
    let progress = output.progress(search.maxSteps, 'products');
    let shown = 'products';
    const result = await spectrum(model, warmed.adapter, rows, {
      ...search,
      batchSize,
      curvature,
      perModule: args['per-module'] === true,
      ...(modules ? { modules } : {}),
      ...('preconditioner' in warmed ? { preconditioner: warmed.preconditioner } : {}),
      ...distribution,
      onProduct(quantity, products, most) {
        if (shown !== quantity) {
          progress.stop();
          progress = output.progress(most, `products, ${quantity}`);
          shown = quantity;
        }
        progress.update(products);
      },
      onStep: ({ products, lambdaMax }) => progress.update(products, `lambda_max ${shortNumber(lambdaMax.value)}`),
    }).finally(() => progress.stop());
    const { explain } = await import('../analysis/algorithms/outcome.ts');
    for (const outcome of new Set([result.outcome, result.topOutcome ?? 'converged']))
      if (outcome !== 'converged' && outcome !== 'krylovExhausted') output.warn(explain(outcome));
    output.result(operator === 'adam' ? { ...result, warmup } : result, () => words(result, output));
  },
};

function parseDistribution(args: Arguments): Pick<SpectrumOptions, 'topK' | 'traceProducts' | 'density'> {
  const topK = optional(args, 'top-k', wholeNumber(1));
  const traceProducts = required(args, 'trace-products', wholeNumber(3));
  const density = {
    probes: required(args, 'density-probes', wholeNumber(1)),
    steps: required(args, 'density-steps', wholeNumber(1)),
  };
  return {
    ...(topK === undefined ? {} : { topK }),
    ...(args.trace === true ? { traceProducts } : {}),
    ...(args.density === true ? { density } : {}),
  };
}

function words(result: SpectrumResult, output: Output): string[] {
  const end = (name: string, { value: eigenvalue, residualBound, standardError }: SpectrumResult['lambdaMax']) => {
    const spread = standardError === null ? '' : `, ${shortNumber(standardError, 2)} standard error over batches`;
    return `${name} ${shortNumber(eigenvalue, 5)} (within ${shortNumber(residualBound, 2)}${spread})`;
  };
  const { gradientDescent, momentum, adam } = result.thresholds;
  const limits = [
    ['gradient descent', gradientDescent],
    ['momentum', momentum],
    ['Adam', adam],
  ].filter(([, rate]) => rate !== null);
  return [
    end('lambda_max', result.lambdaMax),
    end('lambda_min', result.lambdaMin),
    `${result.parameters} parameters of ${result.method}, ${result.tokens} scored tokens in ${result.batches} batches, ` +
      `loss ${shortNumber(result.loss)}; ${result.outcome} after ${result.products} products, ${shortNumber(result.seconds, 2)} s`,
    ...sampleSizeLines(result),
    ...limits.map(([name, rate]) => `stable up to rate ${shortNumber(rate as number)} with ${name}`),
    ...distributionLines(result, output),
    ...(result.modules
      ? [
          '',
          ...output.table(
            ['module', 'parameters', 'lambda_max', 'lambda_min', 'products'],
            result.modules.map((module) => [
              module.name,
              module.parameters,
              module.lambdaMax,
              module.lambdaMin,
              module.products,
            ]),
          ),
        ]
      : []),
  ];
}

function sampleSizeLines({ sampleSize }: SpectrumResult): string[] {
  if (sampleSize === null) return [];
  const { relativeError, sequences, low, high } = sampleSize;
  const interval = low === null ? 'a guess, from so few batches' : `90 % interval ${low} to ${high}`;
  return [`a standard error of ${100 * relativeError} % takes about ${sequences} sequences (${interval})`];
}
