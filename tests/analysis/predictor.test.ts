import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Prediction, PredictorSummary } from '../../analysis/rates/prediction.ts';
import { predict } from '../../analysis/rates/predictor.ts';
import type { StabilityLimit } from '../../analysis/rates/sweep.ts';
import { readSweepCsv } from '../../analysis/rates/sweepCsv.ts';
import { LambdamaxError } from '../../errors.ts';
import { foldError } from '../../numerics/statistics.ts';
import { grid, type PlantedMethod, plantedSweep } from '../cases/sweeps.ts';

const rates = grid(2 ** -14, 2, 14); // powers of two, so that planted optima lie on the grid
const names = ['lora', 'pissa', 'milora', 'olora', 'init-ab', 'lora-ga'];

function planted(optimumOf: (lambdaMax: number) => number, lambdas: readonly number[]): PlantedMethod[] {
  return lambdas.map((lambdaMax, i) => ({ method: names[i]!, lambdaMax, optimum: optimumOf(lambdaMax) }));
}

function summary({ predictors }: Prediction, name: string): PredictorSummary {
  return predictors.find((one) => one.name === name)!;
}

/** The answers about the order, the power 1 and the threshold. */
function answers({ claims }: Prediction): string[] {
  return claims.filter(({ name }) => name !== 'root').map((claim) => claim.answer);
}

function near(actual: number | null, expected: number, tolerance = 1e-6): void {
  assert.ok(Math.abs(actual! - expected) <= tolerance, `${actual} is not ${expected}`);
}

const lambdas = [32, 64, 128, 256, 512];

test('where every optimum is 2/lambda_max: slope 1, fold error 1, no regret, and the verdict says so', () => {
  const methods = planted((lambda) => 2 / lambda, lambdas).map((one) => ({ ...one, divergesAt: 2 * one.optimum }));
  const prediction = predict(plantedSweep(methods, { rates }));
  for (const name of ['two-over-lambda', 'two-over-lambda-calibrated', 'relative-to-lora', 'fitted-exponent']) {
    const { slope, spearman, kendall, pValue, geometricMeanFoldError, worstFoldError, meanRegret } = summary(
      prediction,
      name,
    );
    near(slope, 1);
    near(spearman, 1);
    near(kendall, 1);
    near(pValue, 2 / 120);
    near(geometricMeanFoldError, 1);
    near(worstFoldError, 1);
    near(meanRegret, 0, 1e-4);
  }
  assert.ok(summary(prediction, 'one-constant').geometricMeanFoldError! > 2);
  assert.equal(answers(prediction), ['yes', 'yes', 'yes']);
  assert.match(prediction.verdict, 'Curvature orders the methods:');
  assert.match(prediction.verdict, 'The best rate goes as 1/lambda_max:');
  assert.match(
    prediction.verdict,
    'The limit of stability is where training breaks: the limit of gradient descent (the optimizer is not known), 2 / lambda_max(H), stands at',
  );
  assert.match(prediction.verdict, 'for 100 steps');
});

test('curvature that orders the methods with exponent 0.3: the order is a yes, the power a no', () => {
  const methods = planted((lambda) => 0.01 * (lambda / 128) ** -0.3, [4, 16, 64, 256, 1024, 4096]);
  const prediction = predict(plantedSweep(methods, { rates }));
  near(summary(prediction, 'two-over-lambda').slope, 0.3);
  near(summary(prediction, 'fitted-exponent').geometricMeanFoldError, 1);
  assert.ok(
    summary(prediction, 'two-over-lambda-calibrated').geometricMeanFoldError! >
      summary(prediction, 'one-constant').geometricMeanFoldError!,
  );
  assert.equal(answers(prediction), ['yes', 'no', 'no']);
  assert.match(prediction.verdict, 'does not go as 1/lambda_max');
  assert.match(prediction.verdict, 'no better than one constant');
});

test('optima without any relation to curvature: no order, no power', () => {
  const optima = [4e-3, 1e-3, 6e-3, 8e-3, 5e-4, 3e-3];
  const methods = planted(() => 0, [4, 16, 64, 256, 1024, 4096]).map((one, i) => ({ ...one, optimum: optima[i]! }));
  const prediction = predict(plantedSweep(methods, { rates }));
  assert.ok(summary(prediction, 'two-over-lambda').pValue! > 0.05);
  assert.is(answers(prediction)[0], 'no');
  assert.is(answers(prediction)[1], 'no');
});

test('curvature that orders the methods the wrong way is not a yes', () => {
  const prediction = predict(
    plantedSweep(
      planted((lambda) => 1e-5 * lambda, lambdas),
      { rates },
    ),
  );
  near(summary(prediction, 'two-over-lambda').kendall, -1);
  assert.equal(answers(prediction).slice(0, 2), ['no', 'no']);
  assert.match(prediction.verdict, 'the other way round');
});

test('training that breaks far from 2/lambda_max is told apart from a rate that goes as 1/lambda_max', () => {
  const methods = planted((lambda) => 0.1 / lambda, lambdas).map((one) => ({ ...one, divergesAt: 4 * one.optimum }));
  const prediction = predict(plantedSweep(methods, { rates: grid(2 ** -16, 2, 14) }));
  assert.equal(answers(prediction), ['yes', 'yes', 'no']);
  // 0.4/lambda breaks; the first grid rate at or above that lies at most a factor 2 higher.
  for (const point of prediction.points) {
    const ratio = 2 / point.lambdaMax! / point.divergesAt!;
    assert.ok(ratio > 2.4 && ratio <= 5 + 1e-9, `${ratio}`);
  }
});

/** A planted sweep whose configurations have this limit. */
const limited = (methods: readonly PlantedMethod[], limitOfOne: (one: PlantedMethod) => StabilityLimit | null) => {
  const sweep = plantedSweep(methods, { rates });
  return {
    ...sweep,
    configurations: sweep.configurations.map((known, i) => ({ ...known, limit: limitOfOne(methods[i]!) })),
  };
};
const ofAdam = (learningRate: number | null) => ({ optimizer: 'adamw', learningRate, formula: '38 / lambda_max(P H)' });

test('where training breaks is set against the limit of the optimizer in use, whatever 2/lambda_max is', () => {
  const methods = planted(() => 2 ** -9, lambdas).map((one) => ({ ...one, divergesAt: 2 ** -6 }));
  const near = predict(limited(methods, () => ofAdam(2 ** -6.5)));
  assert.is(answers(near)[2], 'yes');
  assert.match(near.verdict, 'the limit of adamw, 38 / lambda_max(P H), stands at');
  assert.not.match(near.verdict, '2 / lambda_max(H)');
  assert.is(answers(predict(limited(methods, () => ofAdam(2 ** -3))))[2], 'no');
  assert.is(answers(predict(limited(methods, () => ofAdam(2 ** -9))))[2], 'no');
  const unmeasured = predict(limited(methods, () => ofAdam(null)));
  assert.is(answers(unmeasured)[2], 'cannot tell');
  assert.match(unmeasured.verdict, 'the limit of adamw, 38 / lambda_max(P H), was not measured');
  const unknown = predict(limited(methods, () => null));
  assert.is(answers(unknown)[2], 'cannot tell');
  assert.match(unknown.verdict, 'no limit is known for the optimizer');
});

test('four configurations that broke are too few for a yes or a no, as for the other claims', () => {
  for (const rate of [2 ** -6, 2 ** -2]) {
    const methods = planted(() => 2 ** -9, lambdas.slice(1)).map((one) => ({ ...one, divergesAt: 2 ** -6 }));
    const prediction = predict(limited(methods, () => ofAdam(rate)));
    assert.is(answers(prediction)[2], 'cannot tell');
    assert.match(prediction.verdict, 'too few to judge by');
  }
});

test('training that holds far above the limit refutes it; below the limit it says nothing', () => {
  const sweep = plantedSweep(
    planted(() => 2 ** -9, lambdas),
    { rates: rates.slice(0, 8) },
  );
  const judged = (rate: number) => {
    const configurations = sweep.configurations.map((known) => ({ ...known, limit: ofAdam(rate) }));
    return predict({ ...sweep, configurations });
  };
  const refuted = judged(2 ** -9);
  assert.is(answers(refuted)[2], 'no');
  assert.match(refuted.verdict, 'lies below rates at which 5 configurations held');
  const silent = judged(1);
  assert.is(answers(silent)[2], 'cannot tell');
  assert.match(silent.verdict, 'no configuration broke at the rates tried');
});

test('a limit between the last rate that held and the first that broke agrees, however coarse the grid', () => {
  const coarse = grid(2 ** -14, 16, 4);
  const methods = planted(() => 2 ** -10, lambdas).map((one) => ({ ...one, divergesAt: 2 ** -3 }));
  const sweep = plantedSweep(methods, { rates: coarse });
  const configurations = sweep.configurations.map((known) => ({ ...known, limit: ofAdam(2 ** -5) }));
  const prediction = predict({ ...sweep, configurations });
  assert.equal([prediction.points[0]!.holdsAt, prediction.points[0]!.divergesAt], [2 ** -6, 2 ** -2]);
  assert.is(answers(prediction)[2], 'yes');
});

test("the paper's figures: slope 0.67, and the paper's relative rule a factor 1.80 off", () => {
  const { methods } = JSON.parse(readFileSync('fixtures/published/lr-matters-figures.json', 'utf8')) as {
    methods: { method: string; optimalLearningRate: number; lambdaMaxRatioMedian?: number }[];
  };
  const known = methods.flatMap(({ method, optimalLearningRate, lambdaMaxRatioMedian }) =>
    lambdaMaxRatioMedian === undefined
      ? []
      : [{ method, optimum: optimalLearningRate, lambdaMax: lambdaMaxRatioMedian, peak: 3 }],
  );
  const prediction = predict(plantedSweep(known, { rates: grid(1e-6, 1.778, 16) }));
  near(summary(prediction, 'two-over-lambda').slope, 0.67, 0.005);
  near(summary(prediction, 'relative-to-lora').geometricMeanFoldError, 1.8, 0.005);
  near(summary(prediction, 'fitted-exponent').geometricMeanFoldError, 1.38, 0.005);
  // Worked by hand: ln(rate ratio) scatters by 0.548 on average about its mean, 6/5 of that about the mean of the others.
  near(summary(prediction, 'two-over-lambda-calibrated').geometricMeanFoldError, Math.exp((6 / 5) * 0.548), 0.005);
});

test('the published sweep gives the optimum rates that the paper prints, to within one step of its grid', () => {
  const prediction = predict(readSweepCsv('fixtures/published/lr-matters-qwen3-0.6b-sweep.csv'));
  const { methods } = JSON.parse(readFileSync('fixtures/published/lr-matters-figures.json', 'utf8')) as {
    methods: { method: string; optimalLearningRate: number; peakAccuracy: number }[];
  };
  assert.is(prediction.scoreDirection, 'higher');
  assert.is(prediction.points.length, 5);
  for (const { method, optimum, divergesAt } of prediction.points) {
    const printed = methods.find((one) => one.method === method)!;
    const fold = foldError(optimum.learningRate, printed.optimalLearningRate);
    assert.ok(fold <= 10 ** 0.25, `${method}: ${optimum.learningRate}, a factor ${fold} off`);
    assert.ok(Math.abs(optimum.score - printed.peakAccuracy) < 0.011, `${method}: ${optimum.score}`);
    assert.ok(optimum.low <= optimum.learningRate && optimum.learningRate <= optimum.high);
    assert.ok(divergesAt !== null && divergesAt > optimum.high);
  }
  assert.is(prediction.peakSpread.best, 'lora');
  near(prediction.peakSpread.value, 0.43, 0.011);
  assert.match(prediction.verdict, 'No lambda_max was given');
  assert.match(prediction.verdict, 'number of steps is not known');
});

test('leaving a method out leaves all its configurations out', () => {
  const methods = planted((lambda) => 1 / lambda, [64, 128, 256]);
  const sweep = plantedSweep(methods, { rates });
  const double = (configuration: string) =>
    sweep.runs.filter((run) => run.method === 'lora').map((run) => ({ ...run, configuration }));
  const prediction = predict({
    ...sweep,
    runs: [...sweep.runs, ...double('lora again')],
    configurations: [...sweep.configurations, { configuration: 'lora again', method: 'lora', lambdaMax: 64 }],
  });
  const again = prediction.points.find((point) => point.configuration === 'lora again')!;
  near(again.predictions['one-constant']!.learningRate, Math.sqrt(1 / 128 / 256), 1e-8);
});

test('one method at several ranks is predicted from its other configurations', () => {
  const sweep = plantedSweep(
    planted((lambda) => 1 / lambda, [64, 256]),
    { rates },
  );
  const prediction = predict({
    ...sweep,
    runs: sweep.runs.map((run) => ({ ...run, method: 'lora' })),
    configurations: sweep.configurations.map((one) => ({ ...one, method: 'lora' })),
  });
  near(prediction.points[0]!.predictions['one-constant']!.learningRate, 1 / 256, 1e-8);
});

test("a user's own predicted rates are judged beside the others, as given and calibrated, and counted", () => {
  const sweep = plantedSweep(
    planted((lambda) => 1 / lambda, lambdas),
    { rates },
  );
  const configurations = sweep.configurations.map((one) => ({
    ...one,
    predictedRates: { 'adam-threshold': 19 / one.lambdaMax! },
  }));
  const prediction = predict({ ...sweep, configurations });
  near(summary(prediction, 'adam-threshold').geometricMeanFoldError, 19);
  near(summary(prediction, 'adam-threshold-calibrated').geometricMeanFoldError, 1);
  near(summary(prediction, 'adam-threshold-to-lora').geometricMeanFoldError, 1);
  // Six from lambda_max, three from the rate that was given, three constants.
  assert.is(summary(prediction, 'adam-threshold').tried, 12);
});

test('without lora there is no relative rule, without curvature no claim is judged', () => {
  const methods = planted((lambda) => 1 / lambda, lambdas).filter(({ method }) => method !== 'lora');
  assert.is(summary(predict(plantedSweep(methods, { rates })), 'relative-to-lora').count, 0);
  const bare = predict(plantedSweep([{ method: 'lora', optimum: 1e-3 }], { rates }));
  assert.equal(answers(bare), ['cannot tell', 'cannot tell', 'cannot tell']);
  assert.is(bare.points[0]!.predictions['one-constant'], undefined);
  assert.is(bare.points[0]!.lambdaMax, null);
});

test('three methods in perfect order are too few to tell', () => {
  const prediction = predict(
    plantedSweep(
      planted((lambda) => 2 / lambda, [64, 128, 512]),
      { rates },
    ),
  );
  assert.equal(answers(prediction).slice(0, 2), ['cannot tell', 'cannot tell']);
  assert.match(prediction.verdict, 'too few for any order to be told from chance');
  assert.match(prediction.verdict, '3 configurations, too few to judge by');
});

test('the verdict names what is at the edge, what has one seed, what starts at B = 0, what diverged throughout', () => {
  const methods = [
    ...planted((lambda) => 1 / lambda, [64, 128, 256, 512]),
    { method: 'broken', optimum: 1e-3, divergesAt: 1e-9 },
    { method: 'slow', optimum: 10, lambdaMax: 1 },
  ];
  const { verdict, unusable, points } = predict(plantedSweep(methods, { rates }));
  assert.equal(unusable, ['broken']);
  assert.match(verdict, 'may lie beyond it: slow.');
  assert.match(verdict, 'every run diverged: broken.');
  assert.match(verdict, 'One seed only');
  assert.match(verdict, 'At B = 0, where lora starts, the top of the Hessian is chiefly +-s sigma_max(dL/dW)');
  assert.is(points.length, 5);
});

test('whether a method starts at B = 0 is measured, or what the method says of itself; of an unknown name nothing is guessed', () => {
  const methods = ['LoRA', 'eva-rho2', 'gralora:k=4', 'pissa', 'full', 'lora+', './mine.ts', 'lorax'].map((method) => ({
    ...{ method, optimum: 2 ** -8, lambdaMax: 256 },
  }));
  const sweep = plantedSweep(methods, { rates });
  const said = predict(sweep).points.map((point) => point.startsAtZeroB);
  assert.equal(said, [true, true, true, false, false, null, null, null]);
  const configurations = sweep.configurations.map((one) => ({ ...one, startsAtZeroB: one.method === './mine.ts' }));
  const { points, verdict } = predict({ ...sweep, configurations });
  assert.equal(
    points.map((point) => point.startsAtZeroB),
    methods.map(({ method }) => method === './mine.ts'),
  );
  assert.match(verdict, 'At B = 0, where ./mine.ts starts,');
});

test('peaks: the spread in % of the best loss, and an interval only where there are seeds', () => {
  const methods = [
    { method: 'lora', optimum: 2 ** -8, peak: 2 },
    { method: 'pissa', optimum: 2 ** -8, peak: 2.1 },
  ];
  const one = predict(plantedSweep(methods, { rates })).peakSpread;
  near(one.value, 5);
  assert.equal([one.best, one.worst, one.low, one.high], ['lora', 'pissa', null, null]);
  const noisy = predict(plantedSweep(methods, { rates, seeds: [0, 1, 2], noise: 0.01 })).peakSpread;
  assert.ok(noisy.low! < noisy.value && noisy.value < noisy.high!);
});

test('the same sweep gives the same JSON, and JSON loses nothing', () => {
  const sweep = plantedSweep(
    planted((lambda) => 1 / lambda, lambdas),
    { rates, seeds: [0, 1], noise: 0.01 },
  );
  const text = JSON.stringify(predict(sweep));
  assert.is(JSON.stringify(predict(sweep)), text);
  assert.equal(JSON.parse(text), predict(sweep));
});

test('an empty sweep and one that diverged throughout are refused in words', () => {
  const empty = { runs: [], configurations: [], scoreDirection: 'lower' } as const;
  const broken = plantedSweep([{ method: 'lora', optimum: 1e-3, divergesAt: 1e-9 }], { rates });
  assert.throws(
    () => predict(empty),
    (error: unknown) => error instanceof LambdamaxError && /no runs/.test(error.message),
  );
  assert.throws(
    () => predict(broken),
    (error: unknown) => error instanceof LambdamaxError && /all diverged/.test(error.message),
  );
});

test('further rates are predictors of their own: as they are, calibrated, with their price and among those tried', () => {
  const methods = planted((lambda) => 0.01 * (lambda / 128) ** -0.3, [32, 64, 128, 256]);
  const sweep = plantedSweep(methods, { rates });
  const configurations = sweep.configurations.map((one, i) => ({
    ...one,
    predictedRates: { probes: 3 * methods[i]!.optimum, 'line-search': 0.02 },
    prices: { probes: 100 + 10 * i, 'lambda-max': 40 },
  }));
  const prediction = predict({ ...sweep, configurations });
  near(summary(prediction, 'probes').geometricMeanFoldError, 3, 0.1);
  near(summary(prediction, 'probes-calibrated').geometricMeanFoldError, 1, 0.1);
  for (const name of ['probes', 'probes-calibrated']) assert.is(summary(prediction, name).price, 115);
  assert.is(summary(prediction, 'two-over-lambda').price, 40);
  assert.is(summary(prediction, 'line-search').price, null);
  assert.is(summary(prediction, 'one-constant').price, 0);
  assert.match(summary(prediction, 'probes').meaning, /short runs/);
  const { tried } = summary(predict(sweep), 'one-constant');
  // As they are and calibrated; that of the line search over LoRA's too.
  assert.is(summary(prediction, 'one-constant').tried, tried + 5);
});

test.run();
