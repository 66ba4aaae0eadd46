import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { groupsOf } from '../../analysis/rates/groups.ts';
import type { Prediction } from '../../analysis/rates/prediction.ts';
import { predict } from '../../analysis/rates/predictor.ts';
import { type PredictorPoint, predictorRules } from '../../analysis/rates/predictors/rules.ts';
import type { Sweep } from '../../analysis/rates/sweep.ts';
import { evidenceAtEqualSettings, evidenceOverAll } from '../../analysis/rates/verdict/evidence.ts';
import { randomStream } from '../../compute/random.ts';
import { grid, type PlantedMethod, plantedProduct, plantedSweep } from '../cases/sweeps.ts';

const rates = grid(2 ** -16, 2, 18);
const axes = { ranks: [2, 8], batches: [4, 16] };
const methods = ['lora', 'pissa', 'olora'];

function answers({ claims, equalSettings }: Prediction): { within: string[] | undefined; over: string[] } {
  const order = (all: Prediction['claims']): string[] => all.slice(0, 2).map(({ answer }) => answer);
  return { within: equalSettings ? order(equalSettings.claims) : undefined, over: order(claims) };
}

function predicted(planted: readonly PlantedMethod[]): Prediction {
  return predict(plantedSweep(planted, { rates }));
}

function evidenceOf(prediction: Prediction, claim: 'order' | 'power'): string {
  return prediction.equalSettings!.claims.find(({ name }) => name === claim)!.evidence;
}

test('configurations at equal settings are those equal in all but the method, in the order of their settings', () => {
  const groups = groupsOf(
    plantedProduct(methods, { ranks: [8, 2], batches: [16, 4] }, () => ({ optimum: 1 })).map(named),
  );
  assert.equal(
    groups.map(({ name }) => name),
    ['rank 2, batch 4', 'rank 2, batch 16', 'rank 8, batch 4', 'rank 8, batch 16'],
  );
  assert.equal(
    groups[0]!.configurations,
    methods.map((method) => `${method}, rank 2, batch 4`),
  );
  assert.equal(groups[0]!.settings, { rank: '2', batch_size: '4' });
});

test('a method without a choice in a setting agrees with any value of it, and still counts once', () => {
  const at = (method: string, optimizer: string, rank: string) =>
    named({ method, configuration: `${method} ${optimizer} ${rank}`, settings: { optimizer, rank } });
  const points = [
    ...['lora', 'pissa'].flatMap((method) =>
      ['adamw', 'sgd'].flatMap((one) => ['2', '8'].map((rank) => at(method, one, rank))),
    ),
    ...['2', '8'].map((rank) => at('loft', '', rank)),
    at('dora', 'sgd', '8'),
  ];
  const groups = groupsOf(points);
  assert.equal(
    groups.map(({ name, configurations }) => [name, configurations.length]),
    [
      ['optimizer adamw, rank 2', 3],
      ['optimizer adamw, rank 8', 2],
      ['optimizer sgd, rank 2', 2],
      ['optimizer sgd, rank 8', 4],
    ],
  );
  assert.is(groups.flatMap(({ configurations }) => configurations).length, points.length);
  assert.ok(groups[0]!.configurations.includes('loft  2') && groups[3]!.configurations.includes('loft  8'));
});

test('one law everywhere is told at equal settings and over all', () => {
  const prediction = predicted(
    plantedProduct(methods, axes, (i, rank, batch) => {
      const lambdaMax = 16 * 2 ** i * rank * batch;
      return { lambdaMax, optimum: 1 / lambdaMax };
    }),
  );
  assert.equal(answers(prediction), { within: ['yes', 'yes'], over: ['yes', 'yes'] });
  // Six orders of three in each of four groups; the perfect one, and its reverse in all groups at once.
  assert.match(
    evidenceOf(prediction, 'order'),
    'Kendall +1.00, permutation p = 0.002 within 4 groups, 12 configurations in all',
  );
  assert.match(prediction.verdict, 'At equal settings (4 groups of 3 methods): Curvature orders the methods:');
  assert.match(prediction.verdict, 'Over all 12 configurations the answers are the same.');
});

test("a law within groups that is reversed between them is told at equal settings alone: Simpson's paradox", () => {
  const prediction = predicted(
    plantedProduct(methods, axes, (i, rank, batch) => {
      const lambdaMax = 16 * 2 ** i * (rank * batch) ** 2;
      return { lambdaMax, optimum: 1e-5 * 2 ** -i * (rank * batch) ** 1.5 };
    }),
  );
  const { within, over } = answers(prediction);
  assert.equal(within, ['yes', 'yes']);
  assert.equal(over, ['no', 'no']);
  assert.match(prediction.verdict, 'Over all 12 configurations it is otherwise: Curvature does not order the methods');
});

test('a law between groups that no group has in itself is told over all alone', () => {
  // lambda_max falls among the methods as their optima do, and both move against one another with the settings.
  const prediction = predicted(
    plantedProduct(methods, { ranks: [2, 64], batches: [4, 16] }, (i, rank, batch) => {
      const lambdaMax = 16 * rank * batch * 1.3 ** -i;
      return { lambdaMax, optimum: (0.5 / (rank * batch)) * 1.3 ** -i };
    }),
  );
  const { within, over } = answers(prediction);
  assert.equal(within, ['no', 'no']);
  assert.is(over[0], 'yes');
});

test('few methods in each group are too few to tell alone and enough together', () => {
  const of = (i: number, rank: number, batch: number) => {
    const lambdaMax = 16 * 2 ** i * rank * batch;
    return { lambdaMax, optimum: 1 / lambdaMax };
  };
  const one = predicted(plantedProduct(methods, { ranks: [2], batches: [4] }, of));
  assert.equal(answers(one), { within: undefined, over: ['cannot tell', 'cannot tell'] });
  const two = answers(predicted(plantedProduct(methods, { ranks: [2, 8], batches: [4] }, of)));
  assert.equal(two.within, ['cannot tell', 'yes'], '2 of 36 orders are 0.056');
  const pairs = predicted(plantedProduct(['lora', 'pissa'], axes, of));
  assert.equal(answers(pairs).within![0], 'cannot tell', 'of 16 orders two are 0.125');
});

test('one method alone, and methods each at settings of their own, have nothing at equal settings, and the verdict says so', () => {
  const alone = predicted(plantedProduct(['lora'], axes, (_, rank) => ({ optimum: 1 / rank / 100, lambdaMax: rank })));
  assert.equal(answers(alone).within, ['cannot tell', 'cannot tell']);
  assert.match(alone.verdict, 'There is one method, so that what follows compares its settings.');
  assert.not.match(alone.verdict, 'one constant at equal settings');
  const apart = predicted(
    methods.map((method, i) => ({ method, settings: { rank: String(2 ** i) }, optimum: 1e-3 * 2 ** i, lambdaMax: 8 })),
  );
  assert.match(apart.verdict, 'No two methods were tried at equal settings');
});

test('where all settings are equal, and where none are known, the claims stand once', () => {
  const planted = plantedProduct(methods, { ranks: [2], batches: [4] }, (i) => ({
    optimum: 1e-3 * 2 ** i,
    lambdaMax: 8,
  }));
  assert.is(predicted(planted).equalSettings, null);
  assert.is(predicted(planted.map(({ settings: _, ...rest }) => rest)).equalSettings, null);
});

const names = ['lora', 'pissa', 'milora', 'olora', 'init-ab', 'lora-ga', 'dora', 'eva'];

for (let seed = 0; seed < 20; seed++)
  test(`in a single group, judged by itself, there is the evidence of all, seed ${seed}`, () => {
    const random = randomStream(seed, 'one group');
    const points = names.slice(0, 2 + (seed % 7)).map(
      (method): PredictorPoint => ({
        ...named({ method, configuration: method, settings: {} }),
        optimum: Math.exp(random.normal()),
        lambdaMax: Math.exp(random.normal()),
      }),
    );
    const rules = predictorRules(points);
    const find = (name: string) => rules.find((rule) => rule.name === name)!;
    const compared = {
      calibrated: { power: find('two-over-lambda-calibrated'), root: find('root-lambda-calibrated') },
      constant: find('one-constant'),
    };
    const within = evidenceAtEqualSettings(points, groupsOf(points), compared, 0);
    const sweep = plantedSweep(
      points.map(({ method, lambdaMax, optimum }) => ({ method, optimum, lambdaMax: lambdaMax! })),
      { rates },
    );
    const over = evidenceOverAll(points, predict(sweep).predictors[0]!, compared);
    assert.is(within.orders, over.orders);
    near(within.constant, over.constant);
    for (const key of ['power', 'root'] as const) near(within.calibrated[key], over.calibrated[key]);
  });

test('the order in which configurations stand changes nothing', () => {
  const random = randomStream(0, 'order of configurations');
  const planted = plantedProduct(['lora', 'pissa', 'olora', 'dora'], axes, () => ({
    optimum: 1e-3 * Math.exp(random.normal()),
    lambdaMax: 100 * Math.exp(random.normal()),
  }));
  const straight = predicted(planted);
  for (let draw = 0; draw < 3; draw++) {
    const shuffled = predicted(random.permutation(planted.length).map((i) => planted[i]!));
    assert.equal(shuffled.equalSettings!.claims, straight.equalSettings!.claims);
    for (const [i, { power, low, high }] of shuffled.powers.entries()) {
      near(power, straight.powers[i]!.power);
      near(low, straight.powers[i]!.low);
      near(high, straight.powers[i]!.high);
    }
    for (const point of shuffled.points) {
      const same = straight.points.find(({ configuration }) => configuration === point.configuration)!;
      assert.equal(point.ratioToLora, same.ratioToLora);
      for (const [name, { learningRate }] of Object.entries(point.predictions))
        near(Math.log(learningRate), Math.log(same.predictions[name]!.learningRate));
    }
  }
});

test("each configuration stands beside LoRA's optimum at its own settings, LoRA itself at exactly 1", () => {
  const { points } = predicted(
    plantedProduct(methods, axes, (i, rank, batch) => ({
      optimum: (2 ** -i * batch) / rank / 1024,
      lambdaMax: rank * batch,
    })),
  );
  for (const { method, ratioToLora } of points) {
    near(ratioToLora!.value, 2 ** -methods.indexOf(method));
    if (method === 'lora') assert.equal(ratioToLora, { value: 1, low: 1, high: 1 });
    // The ends of a grid of factor 2: either optimum may lie a step further.
    else near(ratioToLora!.low, ratioToLora!.value / 4);
  }
});

test('without LoRA at equal settings there is no ratio; with several, none of whose settings a method has, neither', () => {
  const at = (method: string, rank: string): PlantedMethod => ({
    method,
    configuration: `${method}, rank ${rank}`,
    settings: { rank },
    optimum: 1e-3,
    lambdaMax: 100,
  });
  const ratioOf = (planted: PlantedMethod[]) => predicted(planted).points.at(-1)!.ratioToLora?.value ?? null;
  assert.is(ratioOf([at('lora', '2'), at('pissa', '8')]), null);
  assert.is(ratioOf([at('lora', '2'), at('lora', '8'), at('pissa', '8')]), 1);
  assert.is(ratioOf([at('lora', '2'), at('full', '')]), 1);
});

test('LoRA anchors the relative rule at equal settings alone, and constants are learned there', () => {
  const sweep: Sweep = plantedSweep(
    plantedProduct(methods, axes, (i, rank, batch) => {
      // c / lambda_max with another c at each of the settings.
      const lambdaMax = 16 * 2 ** i;
      return { lambdaMax, optimum: batch / rank / lambdaMax / 64 };
    }),
    { rates },
  );
  const { predictors } = predict(sweep);
  for (const name of ['relative-to-lora', 'two-over-lambda-calibrated'])
    near(predictors.find((one) => one.name === name)!.worstFoldError, 1);
});

test('an exponent is learned from all other methods within their settings, its constant at equal ones', () => {
  const prediction = predicted(
    plantedProduct([...methods, 'dora'], axes, (i, rank, batch) => {
      const lambdaMax = 16 * 2 ** i * rank;
      return { lambdaMax, optimum: ((batch / rank) * 2 ** (-0.5 * i)) / 512 };
    }),
  );
  near(prediction.predictors.find(({ name }) => name === 'fitted-exponent')!.worstFoldError, 1);
});

test('best scores of other tasks or models are not set beside one another', () => {
  const planted = ['math', 'code'].flatMap((task, t) =>
    methods.map((method) => ({
      ...{ method, configuration: `${method}, task ${task}`, settings: { task } },
      ...{ optimum: 1e-3, peak: 1 + t },
    })),
  );
  const { verdict } = predicted(planted);
  assert.match(verdict, 'Their best scores are not compared, for models or tasks differ.');
  assert.not.match(verdict, 'At their best rates');
});

test('the interval of a ratio to LoRA covers it in most noisy sweeps', () => {
  const planted = [
    { method: 'lora', optimum: 1e-3 },
    { method: 'pissa', optimum: 3e-4 },
  ];
  const draws = 60;
  let covered = 0;
  for (let noiseSeed = 0; noiseSeed < draws; noiseSeed++) {
    const sweep = plantedSweep(planted, { rates: grid(2e-5, 2, 10), seeds: [0, 1, 2, 3], noise: 0.01, noiseSeed });
    const { low, high } = predict(sweep).points[1]!.ratioToLora!;
    if (low <= 0.3 && 0.3 <= high) covered++;
  }
  // Intervals of each optimum are bootstrapped over four seeds, which makes them a little short.
  assert.ok(covered >= 0.85 * draws, `${covered} of ${draws}`);
});

function named({ method, configuration = method, settings = {} }: Omit<PlantedMethod, 'optimum'>): PredictorPoint {
  return { method, configuration, settings, optimum: 1, lambdaMax: null, predictedRates: {}, prices: {} };
}

function near(actual: number | null, expected: number | null): void {
  if (actual === null || expected === null) assert.is(actual, expected);
  else assert.ok(Math.abs(actual - expected) <= 1e-6 * Math.max(1, Math.abs(expected)), `${actual} is not ${expected}`);
}

test.run();
