import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { commandLine } from '../cases/commandLine.ts';
import { inTemporaryFolder } from '../cases/temporaryFolder.ts';
import { randomRows, referencePath, writeRows } from '../cases/tokenFiles.ts';
import { assertClose } from '../oracles/close.ts';
import { failsClearly, resultOf } from '../oracles/commands.ts';

interface Recommendation {
  readonly learningRate: number;
  readonly low: number;
  readonly high: number;
  readonly by: string;
  readonly basis: string;
  readonly steps: number;
  readonly products: number;
  readonly gradientEvaluations: number;
  readonly probes: readonly { readonly learningRate: number; readonly steps: number; readonly score: number | null }[];
  readonly rounds: readonly { readonly steps: number; readonly learningRate: number }[];
  readonly seconds: number;
}

const fields = [
  ...['alongUpdate', 'basis', 'by', 'ended', 'gradientEvaluations', 'high', 'learningRate', 'low', 'prior'],
  ...['probes', 'products', 'rounds', 'seconds', 'steps'],
];
const llama = ['--model', referencePath('models/llama'), '--threads', '1', '--batch-size', '4'];
const method = ['--method', 'lora', '--rank', '2', '--target-modules', 'q_proj'];

const inFolderOfRows = (count: number, body: (run: string[], folder: string) => Promise<void>) => () =>
  inTemporaryFolder(async (folder) => {
    const data = await writeRows(folder, randomRows(count, 1));
    await body([...llama, ...method, '--data', data], folder);
  });

test(
  'by probes, with --json: a rate, its interval, its price and what it rests on',
  inFolderOfRows(40, async (run) => {
    const found = await resultOf<Recommendation>('recommend', ...run, '--steps', '20', '--budget', '4');
    assert.equal(Object.keys(found).sort(), fields);
    assert.is(found.by, 'probes');
    assert.is(found.steps, 20);
    assert.ok(found.low < found.learningRate && found.learningRate < found.high);
    assert.ok(found.gradientEvaluations <= 80);
    assert.ok(found.probes.length >= 3);
    for (const { learningRate, steps } of found.probes) assert.ok(learningRate > 0 && steps <= 20);
    const lengths = new Set(found.probes.map(({ steps }) => steps));
    assert.equal(
      found.rounds.map(({ steps }) => steps),
      [...lengths],
    );
    assert.is(found.products, 0);
  }),
);

test(
  'by curvature: no probes',
  inFolderOfRows(40, async (run) => {
    const found = await resultOf<Recommendation>('recommend', ...run, '--steps', '100', '--by', 'curvature');
    assert.equal(Object.keys(found).sort(), fields);
    assert.is(found.by, 'curvature');
    assert.equal(found.probes, []);
    assertClose([Math.sqrt(found.low * found.high)], [found.learningRate], 1e-9, 'the middle of the interval');
  }),
);

test(
  'in words: the rate, its basis, its price, a table of probes; and how it goes',
  inFolderOfRows(40, async (run, folder) => {
    const validation = await writeRows(folder, randomRows(5, 2), 'validation.jsonl');
    const options = ['--epochs', '2', '--budget', '4', '--start', '1e-2', '--validation', validation];
    const { code, stdout, stderr } = await commandLine(['recommend', ...run, ...options]);
    assert.is(code, 0, stderr);
    assert.match(stdout, /^learning rate [\d.e-]+ for 20 steps of lora \(95 % interval [\d.e-]+ to [\d.e-]+\)\n/);
    assert.match(stdout, /scored on 5 rows/);
    assert.match(
      stdout,
      /\nIt took [\d.]+ gradients of a batch, \d+ % of the run's, and [\d.]+ s\.\n\nsteps +rate +loss\n/,
    );
    assert.match(stderr, /a gradient of 4 rows/);
    assert.match(stderr, /\ngradients \d+\/80 {2}\d+ steps at [\d.e-]+/);
  }),
);

test(
  'a wrong command line is named, and so is a budget or data that do not suffice',
  inFolderOfRows(40, async (run, folder) => {
    const recommend = ['recommend', ...run, '--steps', '20', '--quiet'];
    await failsClearly([...recommend, '--by', 'magic'], 2, /--by: expected one of probes, curvature/);
    await failsClearly([...recommend, '--budget', '0'], 2, /--budget: expected a number > 0/);
    await failsClearly([...recommend, '--start', '-1e-3'], 2, /--start/);
    await failsClearly([...recommend, '--optimizer', 'sgd'], 2, /--start/, /sgd/);
    await failsClearly(['recommend', ...llama, '--data', run.at(-1)!], 2, /--method/);
    await failsClearly(
      [...recommend, '--budget', '0.1'],
      1,
      /budget of the probes/,
      /got 2, for a run of 20 steps; raise --budget to \d/,
    );
    const single = await writeRows(folder, randomRows(1, 3), 'one.jsonl');
    const alone = ['recommend', ...llama, ...method, '--data', single, '--steps', '20', '--quiet'];
    await failsClearly(alone, 1, /rows for a recommendation/);
  }),
);

test.run();
