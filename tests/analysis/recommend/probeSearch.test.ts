import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { usualDrift } from '../../../analysis/recommend/extrapolation.ts';
import { optimumOf, type ProbeSearchResult, probeSearch } from '../../../analysis/recommend/probeSearch.ts';
import { randomStream } from '../../../compute/random.ts';
import { fakeProbe, optimumAt, type ProbeWorld, scorePrice } from '../../cases/probes.ts';
import { assertClose } from '../../oracles/close.ts';
import { throwsClearly } from '../../oracles/throws.ts';

const usual = { drift: usualDrift.mean };
const search = (
  world: ProbeWorld,
  { start = 1e-2, ...options }: { start?: number; budget?: number; spent?: number; steps?: number } = {},
) => probeSearch(fakeProbe(world), { steps: 1000, start: () => start, budget: 300, scorePrice, ...options });

for (const start of [3e-4, 5e-3, 1.3e-2, 0.4])
  test(`where the best rate drifts as it usually does it is found exactly, from ${start}`, async () => {
    const { learningRate, rounds } = await search(usual, { start, budget: 600 });
    assertClose([learningRate], [optimumAt(1000, usual)], 1e-6);
    assert.ok(rounds.every(({ bracketed }) => bracketed));
    assert.ok(rounds.length >= 2);
  });

test('every round has a worse rate on each side of its best', async () => {
  const { probes, rounds } = await search({ ...usual, cliff: 3 }, { start: 2e-2, budget: 1000 });
  for (const { steps } of rounds) {
    const round = probes.filter((probe) => probe.steps === steps).sort((a, b) => a.learningRate - b.learningRate);
    const worth = round.map(({ score }) => score ?? Number.POSITIVE_INFINITY);
    const best = worth.indexOf(Math.min(...worth));
    assert.ok(best > 0 && best < round.length - 1, JSON.stringify(round));
    for (const [index, { learningRate }] of round.entries())
      if (index > 0) assertClose([learningRate / round[index - 1]!.learningRate], [2], 1e-9, 'factor');
  }
});

test('rounds get longer, begin where the earlier ones point to, and the last takes what is left', async () => {
  const { probes, rounds, gradientEvaluations } = await search(usual, { budget: 400 });
  const lengths = rounds.map(({ steps }) => steps);
  assert.equal(
    lengths,
    [...new Set(lengths)].sort((a, b) => a - b),
  );
  const last = probes.filter(({ steps }) => steps === lengths.at(-1));
  assert.is(last.length, 3);
  assertClose([last[0]!.learningRate], [optimumAt(lengths.at(-1)!, usual)], 1e-6, 'its first rate');
  assert.ok(400 - gradientEvaluations < 3, `${gradientEvaluations} of 400`);
});

test('a drift that is not the usual one is found by lengths far apart', async () => {
  const world = { drift: 0.05 };
  const { drift, learningRate, logError } = await search(world, { budget: 5000 });
  // Shrunk towards the usual one, from which it lies three standard deviations away.
  assert.ok(drift > -0.08 && drift < 0.05, `${drift}`);
  assert.ok(Math.abs(Math.log(learningRate / optimumAt(1000, world))) < 1.96 * logError);
});

test('a diverged probe is worse than any, and costs what it took', async () => {
  const { probes, gradientEvaluations, learningRate } = await search({ ...usual, cliff: 1.5 });
  const diverged = probes.filter(({ score }) => score === null);
  assert.ok(diverged.length > 0);
  const expected = probes.reduce(
    (sum, { score, steps }) => sum + (score === null ? Math.ceil(steps / 10) : steps + scorePrice),
    0,
  );
  assert.is(gradientEvaluations, expected);
  // Beside a cliff there is no parabola: the best measured rate stands, at most a step below the optimum.
  assert.ok(Math.abs(Math.log(learningRate / optimumAt(1000, usual))) < Math.log(2));
});

test('no budget is exceeded, and rates are as right as they say, over 200 worlds with noise and cliffs', async () => {
  const random = randomStream(2, 'worlds');
  let covered = 0;
  const worlds = 200;
  for (let seed = 0; seed < worlds; seed++) {
    const world = {
      optimum: 10 ** (-4 + 3 * random.uniform()),
      drift: usualDrift.mean + usualDrift.deviation * random.normal(),
      cliff: 2.5 + 2 * random.uniform(),
      // A score off by 0.003 moves a vertex of this parabola by 2 %.
      noise: 0.003,
      seed,
    };
    const steps = 100 + random.integer(2000);
    const budget = 100 + random.integer(steps);
    const start = optimumAt(100, world) * 4 ** (2 * random.uniform() - 1);
    const { learningRate, logError, gradientEvaluations } = await search(world, { steps, budget, start });
    assert.ok(gradientEvaluations <= budget, `${gradientEvaluations} of ${budget}`);
    if (Math.abs(Math.log(learningRate / optimumAt(steps, world))) < 1.96 * logError) covered++;
  }
  assert.ok(covered >= 0.93 * worlds, `${covered} of ${worlds} in their 95 % interval`);
});

test('with money for it the last round is as long as the run, and that is said', async () => {
  const world = { drift: 0.1 };
  const { ended, rounds, learningRate, logError } = await search(world, { steps: 120, budget: 1e6 });
  assert.is(ended, 'full length');
  assert.is(rounds.at(-1)!.steps, 120);
  assert.ok(logError < 0.15, `${logError}`);
  assert.ok(Math.abs(Math.log(learningRate / optimumAt(120, world))) < logError);
  assert.is((await search(usual)).ended, 'budget');
});

test('a run shorter than any probe is its own probe', async () => {
  const { rounds, ended } = await search({}, { steps: 3, budget: 100 });
  assert.equal(
    rounds.map(({ steps }) => steps),
    [3],
  );
  assert.is(ended, 'full length');
});

test('progress is told before each probe, with what has been spent', async () => {
  const told: number[] = [];
  const found = await probeSearch(fakeProbe(), {
    ...{ steps: 1000, start: () => 1e-2, budget: 200, scorePrice },
    onProbe: (_, spent) => told.push(spent),
  });
  assert.is(told.length, found.probes.length);
  assert.is(told[0], 0);
  const last = found.probes.at(-1)!;
  assert.is(told.at(-1)! + last.steps + scorePrice, found.gradientEvaluations);
});

test('the smallest budget is four of the shortest runs; less is refused, and says how much it takes', async () => {
  const { rounds }: ProbeSearchResult = await search({}, { budget: 40 });
  assert.is(rounds.length, 1);
  for (const budget of [39, 1, 0, -20, Number.NaN])
    await throwsClearly(
      () => search({}, { budget }),
      /budget of the probes/,
      /at least 40 gradients/,
      /`budget` to 0\.04,/,
    );
});

test('what is gone before the probes is part of the budget, and is told where it leaves too little', async () => {
  const [alone, after] = [await search(usual, { budget: 300 }), await search(usual, { budget: 320, spent: 20 })];
  assert.equal(after.probes, alone.probes);
  assert.is(after.gradientEvaluations, alone.gradientEvaluations + 20);
  const short = { budget: 10, spent: 20, steps: 100 };
  const message =
    /at least 60 .*, 20 to begin with and 4 runs of 8 steps, got 10, for a run of 100 .*`budget` to 0\.6,/;
  await throwsClearly(() => search({}, short), message);
  assert.is((await search({}, { ...short, budget: 60 })).rounds.length, 1);
});

test('beside a cliff the rate leans to the safe side; between two worse rates, and above a steep slope, it does not', () => {
  const roundOf = (...scores: readonly (number | null)[]) =>
    optimumOf(
      scores.map((score, i) => ({ learningRate: 1e-3 * 2 ** i, steps: 32, score })),
      32,
      100,
    )!;
  for (const beyond of [null, 5]) {
    const { learningRate, logError, bracketed } = roundOf(2.1, 2, beyond);
    assert.ok(learningRate < 1.9e-3 && learningRate > 1.5e-3, `${learningRate}`);
    assert.ok(bracketed && logError < 0.2);
  }
  assertClose([roundOf(2.1, 2, 2.1).learningRate], [2e-3], 1e-9, 'a parabola');
  assertClose([roundOf(5, 2, 2.1).learningRate], [2e-3], 1e-9, 'a slope on the safe side');
  assert.ok(roundOf(2.2, 2.1, 2).logError > 0.4, 'at the edge nothing is known beyond');
});

test('a round of runs that are mostly warm-up says little of a longer run, and all of one as long', () => {
  const probes = [2.1, 2, 2.1].map((score, i) => ({ learningRate: 1e-3 * 2 ** i, steps: 8, score }));
  assert.ok(optimumOf(probes, 8, 100)!.logError > 2 * optimumOf(probes, 8, 8)!.logError);
});

test('where every probe diverges, that and the lowest rate are named', () =>
  throwsClearly(() => search({ cliff: 0 }), /probe runs/, /one that does not diverge/, /down to the rate/, /`start`/));

test('a small budget goes into one round of three long probes if the start is known, and comes from far off if it is not', async () => {
  const options = { steps: 1000, budget: 100, scorePrice };
  const known = await probeSearch(fakeProbe(usual), { ...options, start: () => 1e-2, startKnown: true });
  assert.equal(
    known.probes.map(({ steps }) => steps),
    [31, 31, 31],
  );
  assert.is(known.ended, 'budget');
  assertClose([known.learningRate], [optimumAt(1000, usual)], 1e-6);
  const away = await probeSearch(fakeProbe(usual), { ...options, start: () => 1e-2 / 30 });
  assert.ok(away.probes.every(({ steps }) => steps < 16));
  assert.ok(Math.abs(Math.log(away.learningRate / optimumAt(1000, usual))) < Math.log(2), `${away.learningRate}`);
});

test('two long rounds are made where there is money for them, whether the start is known or not', async () => {
  const options = { steps: 1000, budget: 600, scorePrice, start: () => 1e-2 };
  const found = [true, false].map((startKnown) => probeSearch(fakeProbe(usual), { ...options, startKnown }));
  const [known, unknown] = await Promise.all(found);
  assert.equal(known, unknown);
  assert.ok(known!.rounds.length >= 2);
});

test('a start far above the cliff comes down to a rate that trains', async () => {
  const { learningRate } = await search({ ...usual, cliff: 3 }, { start: 1 });
  assert.ok(Math.abs(Math.log(learningRate / optimumAt(1000, usual))) < Math.log(2));
});

test.run();
