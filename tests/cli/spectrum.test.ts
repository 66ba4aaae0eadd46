import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { commandLine } from '../cases/commandLine.ts';
import { faultsOf, figuresOf } from '../cases/pages.ts';
import { points, referenceJson } from '../cases/reference.ts';
import { inTemporaryFolder } from '../cases/temporaryFolder.ts';
import { randomRows, referencePath, storedReferenceRows, writeRows } from '../cases/tokenFiles.ts';
import { assertClose } from '../oracles/close.ts';
import { failsClearly, resultOf } from '../oracles/commands.ts';

interface Eigenvalue {
  readonly value: number;
  readonly residualBound: number;
  readonly errorBound: number;
  readonly standardError: number | null;
}

interface Spectrum {
  readonly operator: string;
  readonly parameters: number;
  readonly tokens: number;
  readonly batches: number;
  readonly lambdaMax: Eigenvalue;
  readonly lambdaMin: Eigenvalue;
  readonly outcome: string;
  readonly products: number;
  readonly loss: number;
  readonly modules?: readonly {
    readonly name: string;
    readonly parameters: number;
    readonly lambdaMax: number;
    readonly lambdaMin: number;
  }[];
  readonly topEigenvalues?: readonly Eigenvalue[];
  readonly topOutcome?: string;
  readonly trace?: { readonly value: number; readonly standardError: number; readonly products: number };
  readonly density?: {
    readonly grid: readonly number[];
    readonly density: readonly number[];
    readonly products: number;
  };
  readonly sampleSize: { readonly sequences: number } | null;
  readonly thresholds: Readonly<Record<'gradientDescent' | 'momentum' | 'adam', number | null>> & {
    readonly loraPlus?: number;
  };
  readonly limits: readonly {
    readonly optimizer: string;
    readonly learningRate: number | null;
    readonly assumptions: readonly string[];
  }[];
  readonly loraPlusRatio?: number;
  readonly alongUpdate?: {
    readonly gaussNewton: { readonly value: number };
    readonly gaussNewtonTwoForward: { readonly value: number };
    readonly slope: { readonly value: number };
    readonly quadraticRate: { readonly value: number };
    readonly directions: number;
    readonly warmup: { readonly steps: number; readonly learningRate: number };
  };
  readonly warmup?: { readonly steps: number; readonly learningRate: number };
}

interface Ends {
  readonly lambda_max: number;
  readonly lambda_min: number;
}

interface ReferencePoint {
  readonly loss: number;
  readonly hessian: Ends;
  readonly per_module: Record<'q_proj' | 'v_proj', Ends & { readonly parameters: number }>;
  readonly all_modules: {
    readonly parameters: number;
    readonly hessian: Ends;
    readonly gauss_newton: Pick<Ends, 'lambda_max'>;
  };
}

const llama = ['--model', referencePath('models/llama'), '--threads', '1'];
const exact = ['--precision', 'float64', '--tolerance', '1e-9'];
const smallest = ['--method', 'lora', '--rank', '1', '--target-modules', 'q_proj'];
const spectrumOf = (...options: readonly string[]) => resultOf<Spectrum>('spectrum', ...llama, ...options);
const firstLayer = 'model.layers.0.self_attn.';
const fields = [
  ...[
    'batches',
    'gradientNorm',
    'keptBatches',
    'lambdaMax',
    'lambdaMin',
    'limits',
    'loss',
    'method',
    'operator',
    'outcome',
    'parameters',
  ],
  ...['peakMegabytes', 'products', 'sampleSize', 'seconds', 'setupSeconds', 'thresholds', 'tokens'],
];

for (const point of points)
  test(`both ends of the spectrum at PEFT's ${point} point are PyTorch's: of two modules, of each, and of all`, () =>
    inTemporaryFolder(async (folder) => {
      const data = await writeRows(folder, storedReferenceRows());
      const adapter = ['--adapter', referencePath(`adapters/llama/lora/${point}`)];
      const reference = referenceJson<{ points: Record<string, ReferencePoint> }>('curvature/llama/lora.json');
      const expected = reference.points[point]!;
      const check = (subject: string, max: number, min: number, { lambda_max, lambda_min }: Ends) =>
        assertClose([max, min], [lambda_max, lambda_min], 1e-8, subject);

      const modules = ['--modules', 'model.layers.0.self_attn.(q|v)_proj', '--per-module'];
      const restricted = await spectrumOf('--data', data, ...adapter, ...exact, ...modules);
      assert.equal(Object.keys(restricted).sort(), [...fields, 'modules'].sort());
      const { lambdaMax, lambdaMin, thresholds } = restricted;
      check('two modules', lambdaMax.value, lambdaMin.value, expected.hessian);
      assert.is(restricted.outcome, 'converged');
      for (const { value, residualBound, errorBound } of [lambdaMax, lambdaMin])
        assert.ok(residualBound <= 1e-9 * Math.abs(value) && errorBound <= 1e-9 * Math.abs(value));
      assertClose([restricted.loss], [expected.loss], 1e-9, 'loss');
      assert.is(thresholds.gradientDescent, 2 / lambdaMax.value);
      assert.is(thresholds.adam, null);
      for (const [index, name] of (['q_proj', 'v_proj'] as const).entries()) {
        const module = restricted.modules![index]!;
        assert.is(module.name, `${firstLayer}${name}`);
        assert.is(module.parameters, expected.per_module[name].parameters);
        check(name, module.lambdaMax, module.lambdaMin, expected.per_module[name]);
      }

      const whole = await spectrumOf('--data', data, ...adapter, ...exact);
      assert.is(whole.parameters, expected.all_modules.parameters);
      check('all modules', whole.lambdaMax.value, whole.lambdaMin.value, expected.all_modules.hessian);
    }));

test("all eigenvalues by --top-k, --trace and --density agree with PyTorch's trace and Frobenius norm", () =>
  inTemporaryFolder(async (folder) => {
    const data = await writeRows(folder, storedReferenceRows());
    const adapter = ['--adapter', referencePath('adapters/llama/lora/perturbed')];
    const reference = referenceJson<{ points: Record<string, { hessian: { trace: number; frobenius_norm: number } }> }>(
      'curvature/llama/lora.json',
    );
    const { trace, frobenius_norm } = reference.points.perturbed!.hessian;
    const run = ['--data', data, ...adapter, ...exact];
    const modules = ['--modules', 'model.layers.0.self_attn.(q|v)_proj'];
    const { parameters, sampleSize } = await spectrumOf(...run, ...modules, '--batch-size', '1');
    assert.ok(sampleSize!.sequences >= 1);

    const all = ['--top-k', String(parameters), '--max-products', '2000', '--trace', '--density'];
    const result = await spectrumOf(...run, ...modules, ...all, '--density-probes', '4', '--density-steps', '30');
    const top = result.topEigenvalues!.map(({ value }) => value);
    assert.is(top.length, parameters);
    assert.is(result.topOutcome, 'krylovExhausted');
    assertClose([top[0]!, top.at(-1)!], [result.lambdaMax.value, result.lambdaMin.value], 1e-9, 'ends');
    assertClose([top.reduce((sum, value) => sum + value, 0)], [trace], 1e-8, 'sum of eigenvalues');
    assertClose([Math.hypot(...top)], [frobenius_norm], 1e-8, 'their root sum of squares');
    const score = (result.trace!.value - trace) / result.trace!.standardError;
    assert.ok(Math.abs(score) < 4, `trace off by ${score} standard errors`);
    assert.is(result.trace!.products, 60);
    const { grid, density, products } = result.density!;
    assert.is(products, 120);
    const mass = density.reduce((sum, height) => sum + height, 0) * (grid[1]! - grid[0]!);
    assertClose([mass], [1], 1e-6, 'mass');

    const sure = ['--trace', '--trace-products', String(4 * parameters)];
    assertClose([(await spectrumOf(...run, ...modules, ...sure)).trace!.value], [trace], 1e-8, 'exact trace');
  }));

test("--operator ggn finds PyTorch's largest eigenvalue of the Gauss-Newton matrix, and no negative one", () =>
  inTemporaryFolder(async (folder) => {
    const data = await writeRows(folder, storedReferenceRows());
    const adapter = ['--adapter', referencePath('adapters/llama/lora/perturbed')];
    const reference = referenceJson<{ points: Record<string, ReferencePoint> }>('curvature/llama/lora.json');
    const { lambda_max } = reference.points.perturbed!.all_modules.gauss_newton;
    const result = await spectrumOf('--data', data, ...adapter, ...exact, '--operator', 'ggn');
    assert.is(result.operator, 'ggn');
    assertClose([result.lambdaMax.value], [lambda_max], 1e-8, 'lambda_max');
    assert.ok(result.lambdaMin.value > -1e-9 * lambda_max, String(result.lambdaMin.value));
  }));

test('the Hessian is of the mean over tokens: the size of batches changes its error estimate and nothing else', () =>
  inTemporaryFolder(async (folder) => {
    const data = await writeRows(folder, randomRows(5, 1));
    const run = ['--data', data, '--adapter', referencePath('adapters/llama/lora/perturbed'), ...exact];
    const whole = await spectrumOf(...run, '--batch-size', '5');
    const parts = await spectrumOf(...run, '--batch-size', '2');
    assert.is(whole.batches, 1);
    assert.is(whole.lambdaMax.standardError, null);
    assert.is(parts.batches, 3);
    assert.ok(parts.lambdaMax.standardError! > 0);
    assert.is(parts.tokens, whole.tokens);
    const ends = ({ lambdaMax, lambdaMin }: Spectrum) => [lambdaMax.value, lambdaMin.value];
    assertClose(ends(parts), ends(whole), 1e-8, 'ends');
  }));

test('the curvature that Adam sees says what Adam allows, and after which warm-up', () =>
  inTemporaryFolder(async (folder) => {
    const data = await writeRows(folder, storedReferenceRows());
    const options = ['--operator', 'adam', '--warmup', '3', '--warmup-lr', '2e-3'];
    const result = await spectrumOf('--data', data, ...smallest, ...options);
    assert.is(result.operator, 'adam');
    assert.equal(result.warmup, { steps: 3, learningRate: 2e-3 });
    // 2 (1 + beta1) / ((1 - beta1) lambda), Cohen et al. 2022, with beta1 = 0.9.
    assertClose([result.thresholds.adam!], [38 / result.lambdaMax.value], 1e-12, 'threshold');
    assert.is(result.thresholds.gradientDescent, null);
    assert.is(result.thresholds.momentum, null);
    const words = await commandLine(['spectrum', ...llama, '--data', data, ...smallest, ...options]);
    assert.match(
      words.stdout,
      /\nstable up to rate [\d.e-]+ with Adam: 38 \/ lambda_max\(P[^\n]+arXiv 2207\.14484\)\n/,
    );
    assert.match(words.stdout, /\nThe limits assume:\n(- [A-Z][^\n]+\.\n)+$/);
    assert.not.match(words.stdout, /gradient descent/);
    assert.match(
      words.stderr,
      /a product of \d+ rows of \d+ tokens: about [\d.e-]+ GFLOP and [\d.]+ [MG]B of memory \([\d.]+ GB are free\)\n/,
    );
  }));

test('--betas, --momentum, --weight-decay and the schedule of --steps move the limits', () =>
  inTemporaryFolder(async (folder) => {
    const data = await writeRows(folder, storedReferenceRows());
    const of = (...options: readonly string[]) => spectrumOf('--data', data, ...smallest, ...options);
    const decayed = await of('--momentum', '0.5', '--weight-decay', '0.25');
    const lambda = decayed.lambdaMax.value + 0.25;
    const { gradientDescent, momentum } = decayed.thresholds;
    assertClose([gradientDescent!, momentum!], [2 / lambda, 3 / lambda], 1e-12);
    const adam = ['--operator', 'adam', '--warmup', '2', '--betas', '0.8,0.99'];
    const longRun = await of(...adam);
    assertClose([longRun.thresholds.adam!], [18 / longRun.lambdaMax.value], 1e-12);
    // Without a warm-up the first step of a schedule decides, where bias correction makes it 1 / (1 - beta1) times as large.
    const first = await of(...adam, '--steps', '100', '--warmup-steps', '0');
    assertClose([first.thresholds.adam!], [0.2 * longRun.thresholds.adam!], 1e-12);
    const { assumptions } = first.limits.find(({ optimizer }) => optimizer === 'adam')!;
    assert.ok(assumptions.some((sentence) => sentence.includes('peak rate')));
    const lonely = ['spectrum', ...llama, '--data', data, ...smallest, '--warmup-steps', '3'];
    await failsClearly(lonely, 2, /--warmup-steps: expected --steps N.*got no --steps/);
  }));

test('--lora-plus-ratio gives the limit of the base rate: at ratio 1 it is that of Adam', () =>
  inTemporaryFolder(async (folder) => {
    const data = await writeRows(folder, storedReferenceRows());
    const run = ['--data', data, ...smallest, '--warmup', '3'];
    const adam = await spectrumOf(...run, '--operator', 'adam');
    const even = await spectrumOf(...run, '--operator', 'adam', '--lora-plus-ratio', '1');
    assert.is(even.thresholds.adam, null);
    assert.is(even.thresholds.loraPlus, adam.thresholds.adam!);
    const faster = await spectrumOf(...run, '--operator', 'adam', '--lora-plus-ratio', '16');
    assert.is(faster.loraPlusRatio, 16);
    assert.ok(faster.thresholds.loraPlus! < even.thresholds.loraPlus!);
    const withoutAdam = ['spectrum', ...llama, ...run, '--lora-plus-ratio', '16'];
    await failsClearly(withoutAdam, 2, /--lora-plus-ratio: expected --operator adam.*got hessian/);
  }));

interface Compared {
  readonly methods: readonly (Spectrum & {
    readonly method: string;
    readonly relativeToLora: {
      readonly whole: number;
      readonly modules: readonly { readonly name: string; readonly ratio: number }[];
      readonly quartiles: { readonly smallest: number; readonly median: number; readonly largest: number };
    };
  })[];
}

test('--methods sets each against LoRA, which is measured in any case; module by module with --per-module', () =>
  inTemporaryFolder(async (folder) => {
    const data = await writeRows(folder, storedReferenceRows());
    const html = join(folder, 'methods.html');
    const run = ['--data', data, '--rank', '2', '--target-modules', 'q_proj,v_proj', '--methods', 'pissa,olora'];
    const { methods } = await resultOf<Compared>('spectrum', ...llama, ...run, '--per-module', '--html', html);
    assert.equal(
      methods.map(({ method }) => method),
      ['lora', 'pissa', 'olora'],
    );
    const [lora, pissa] = methods as [Compared['methods'][number], Compared['methods'][number]];
    const alone = await spectrumOf(...run.slice(0, -2), '--method', 'pissa', '--per-module');
    assert.equal(pissa.lambdaMax, alone.lambdaMax);
    assert.equal(pissa.modules, alone.modules);
    const { whole, modules, quartiles } = pissa.relativeToLora;
    assert.is(whole, pissa.lambdaMax.value / lora.lambdaMax.value);
    assert.equal(
      modules.map(({ ratio }) => ratio),
      pissa.modules!.map(({ lambdaMax }, index) => lambdaMax / lora.modules![index]!.lambdaMax),
    );
    assert.is(quartiles.largest, Math.max(...modules.map(({ ratio }) => ratio)));
    assert.is(lora.relativeToLora.quartiles.median, 1);
    const page = await readFile(html, 'utf8');
    assert.equal(faultsOf(page), []);
    assert.equal(Object.keys(figuresOf(page)), [
      ...['relative-to-lora', 'relative-density', 'lambda-max'],
      ...['modules-0', 'modules-1', 'modules-2'],
    ]);

    const words = await commandLine(['spectrum', ...llama, ...run, '--quiet']);
    assert.match(
      words.stdout,
      /^method +lambda_max +standard error +over LoRA [^\n]*\nlora [^\n]*\npissa [^\n]*\nolora [^\n]*━+\n/,
    );
    const both = ['spectrum', ...llama, ...run, '--method', 'lora'];
    await failsClearly(both, 2, /--methods and --method, --adapter: expected one of them, got both/);
    await failsClearly(['spectrum', ...llama, ...run, '--methods', 'lora,nothing'], 2, /--methods: .*nothing/);
  }));

test('--html draws the heat map and the density, and the table of modules has bars', () =>
  inTemporaryFolder(async (folder) => {
    const data = await writeRows(folder, storedReferenceRows());
    const html = join(folder, 'spectrum.html');
    const few = ['--density-probes', '1', '--density-steps', '5'];
    const run = [
      'spectrum',
      ...llama,
      '--data',
      data,
      ...smallest,
      '--per-module',
      '--density',
      ...few,
      '--html',
      html,
    ];
    const { stdout, code } = await commandLine([...run, '--quiet']);
    assert.is(code, 0);
    assert.match(stdout, /\nmodule +parameters [^\n]*\n(model\.layers\.\d\.self_attn\.q_proj +64 [^\n]* ━+\n){2}/);
    const page = await readFile(html, 'utf8');
    assert.equal(faultsOf(page), []);
    assert.equal(Object.keys(figuresOf(page)), ['modules-0', 'density-0']);

    const lost = await commandLine([...run.with(-1, join(folder, 'nowhere', 'a.html')), '--quiet', '--json']);
    assert.is(lost.code, 1);
    assert.match(lost.stderr, /^lambdamax: .*nowhere\/a\.html: .*no such file or folder\n$/);
    assert.is((JSON.parse(lost.stdout) as Spectrum).modules!.length, 2, 'the result is not lost with the page');
  }));

test('too few products are said to be too few, and the values are still there', () =>
  inTemporaryFolder(async (folder) => {
    const data = await writeRows(folder, storedReferenceRows());
    const run = ['spectrum', ...llama, '--data', data, '--method', 'lora', '--rank', '2', '--max-products', '2'];
    const { code, stdout, stderr } = await commandLine([...run, '--json', '--quiet']);
    assert.is(code, 0);
    const result = JSON.parse(stdout) as Spectrum;
    assert.is(result.outcome, 'stepLimit');
    assert.is(result.products, 2);
    assert.ok(result.lambdaMax.residualBound > 1e-3 * result.lambdaMax.value);
    assert.match(stderr, /^[^\n]*step limit[^\n]*\n$/);
  }));

test("--along-update says how the loss bends along Adam's own step, and words do too", () =>
  inTemporaryFolder(async (folder) => {
    const data = await writeRows(folder, storedReferenceRows());
    const options = ['--data', data, ...smallest, '--along-update', '--warmup', '2', '--directions', '2'];
    const { alongUpdate } = await spectrumOf(...options, '--batch-size', '1');
    assert.equal(Object.keys(alongUpdate!).sort(), [
      ...['directions', 'gaussNewton', 'gaussNewtonTwoForward', 'gradientEvaluations', 'hessian', 'lineSearch'],
      ...['products', 'quadraticRate', 'seconds', 'slope', 'warmup'],
    ]);
    const { gaussNewton, gaussNewtonTwoForward, slope, quadraticRate, directions, warmup } = alongUpdate!;
    assert.is(directions, 2);
    assert.equal(warmup, { steps: 2, learningRate: 1e-3 });
    assertClose([gaussNewtonTwoForward.value], [gaussNewton.value], 1e-4, "u'Gu");
    assertClose([quadraticRate.value], [slope.value / gaussNewton.value], 1e-4, 'rate');
    const { stdout } = await commandLine(['spectrum', ...llama, ...options]);
    assert.match(stdout, /\nalong Adam's own step u after 2 steps at rate 0\.001, mean of 2 batches:\ng'u /);
    assert.match(stdout, /\nu'Hu -?[\d.e-]+ /);
    assert.is((await spectrumOf('--data', data, ...smallest)).alongUpdate, undefined);
    const wrong = ['spectrum', ...llama, ...options.slice(0, -1), '1'];
    await failsClearly(wrong, 2, /--directions: expected a whole number >= 2, got .?1/);
  }));

for (const modules of ['nothing', '(nothing)', 'q_proj,nothing'])
  test(`--modules ${modules} matches no module, and some are named`, () =>
    inTemporaryFolder(async (folder) => {
      const data = await writeRows(folder, storedReferenceRows());
      const run = ['spectrum', ...llama, '--data', data, ...smallest, '--modules', modules];
      await failsClearly(run, 1, /module pattern "[^"]*nothing/, /model\.layers\.0\.self_attn\.q_proj/);
    }));

test.run();
