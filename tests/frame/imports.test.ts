import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { importsOf, type Source, shippedFolders, sourcesIn, textOf } from '../cases/sources.ts';

/** What the files of a folder may import besides one another and errors.ts. */
interface Rule {
  readonly code: readonly string[];
  /** For types only: nothing of it is there when the code runs. */
  readonly types?: readonly string[];
}

const numbers = [
  'limits',
  'moduleGrid',
  'lineSearch',
  'optimum',
  'predictor',
  'predictorRules',
  'rankCorrelation',
  'regret',
  'relativeToLora',
  'run',
  'statistics',
  'sweep',
  'thresholds',
  'verdict',
];
const plainNumbers = numbers.map((name) => `analysis/${name}.ts`);

// Of several that fit a file the longest name counts. cli -> analysis, training -> compute, and inside these the same.
const rules: Readonly<Record<string, Rule>> = {
  'compute/': { code: ['compute/'] },
  'compute/tensors.ts': { code: [] },
  'compute/random.ts': { code: [] },
  'compute/program.ts': { code: [], types: ['compute/tensors.ts', 'compute/graph/estimate.ts'] },
  'compute/graph/': { code: ['compute/tensors.ts'] },
  'compute/dtypes.ts': { code: [], types: ['compute/tensors.ts'] },
  'compute/weights.ts': { code: ['compute/dtypes.ts'], types: ['compute/program.ts', 'compute/tensors.ts'] },
  'compute/engine.ts': { code: [] },
  'compute/cache/': { code: [] },
  'compute/trace/': { code: ['compute/graph/', 'compute/tensors.ts', 'compute/engine.ts'] },
  'compute/differentiate/': { code: ['compute/trace/', 'compute/graph/', 'compute/tensors.ts'] },
  'compute/onnx/': {
    code: ['compute/graph/', 'compute/tensors.ts', 'compute/weights.ts'],
    types: ['compute/program.ts'],
  },
  'compute/backends/': {
    code: [
      ...['compute/onnx/', 'compute/graph/', 'compute/cache/', 'compute/tensors.ts', 'compute/weights.ts'],
      'compute/engine.ts',
    ],
    types: ['compute/program.ts'],
  },
  'training/': { code: ['training/', 'compute/'] },
  'training/checkpoint/': { code: ['compute/'] },
  'training/data/': { code: ['training/checkpoint/', 'compute/'], types: ['training/model.ts'] },
  // A model applies an adapter's layout to its layers; of the methods it knows nothing.
  'training/models/': { code: ['training/adapters/layout.ts', 'training/checkpoint/', 'compute/'] },
  'training/adapters/': {
    code: ['training/models/', 'training/data/', 'training/checkpoint/', 'training/userModule.ts', 'compute/'],
    types: ['training/model.ts'],
  },
  'training/optimizers/': { code: ['compute/'] },
  'training/tasks/': { code: ['training/userModule.ts', 'compute/random.ts'] },
  // Knows nothing of what its processes do.
  'training/workers/': { code: [] },
  'training/moduleContent.ts': { code: [] },
  'training/userModule.ts': { code: ['training/moduleContent.ts'] },
  'training/corpus/': { code: ['training/tasks/world/', 'training/tasks/code/steps.ts', 'compute/random.ts'] },
  'analysis/': { code: [...plainNumbers, 'compute/random.ts'] },
  'analysis/sweepCsv.ts': { code: [...plainNumbers, 'analysis/table/'] },
  'analysis/table/': { code: ['training/checkpoint/files.ts'] },
  'analysis/vectors.ts': { code: ['compute/tensors.ts'], types: ['analysis/operators/operator.ts'] },
  'analysis/figures/': { code: plainNumbers },
  'analysis/recommend/': { code: plainNumbers, types: ['analysis/updateCurvature.ts'] },
  'analysis/report/': { code: ['analysis/figures/', ...plainNumbers] },
  'analysis/algorithms/': {
    code: ['analysis/vectors.ts', 'analysis/statistics.ts', 'compute/random.ts'],
    types: ['analysis/operators/operator.ts'],
  },
  'analysis/operators/': {
    code: ['analysis/vectors.ts', 'training/adapters/layout.ts', 'training/checkpoint/matchModules.ts', 'compute/'],
    types: ['training/optimizers/optimizer.ts'],
  },
  // These join curvature and training; all else at this level is plain numbers.
  'analysis/index.ts': { code: ['analysis/'] },
  'analysis/distribution.ts': { code: ['analysis/algorithms/'], types: ['analysis/operators/operator.ts'] },
  'analysis/adapterCurvature.ts': { code: ['analysis/', 'training/', 'compute/'] },
  'analysis/curvatureWorker': { code: ['analysis/curvatureWorker', 'training/', 'compute/'] },
  'analysis/runFolder.ts': { code: ['analysis/run.ts', 'training/'] },
  'analysis/sharpnessAlongTraining.ts': { code: ['analysis/', 'training/'] },
  'analysis/spectrum.ts': { code: ['analysis/', 'training/', 'compute/'] },
  'analysis/studyFolder.ts': { code: ['analysis/', 'training/'] },
  'analysis/studyPredictors.ts': { code: ['analysis/', 'training/'] },
  'analysis/studySpectra.ts': { code: ['analysis/', 'training/'] },
  'analysis/recommend/recommend.ts': { code: ['analysis/', 'training/'] },
  'analysis/recommend/trainingRangeTest.ts': { code: ['analysis/recommend/', 'training/'] },
  'analysis/studyWork.ts': { code: ['analysis/', 'training/', 'compute/'] },
  'analysis/twoForward.ts': { code: ['analysis/vectors.ts', 'training/'], types: ['compute/tensors.ts'] },
  'analysis/updateCurvature.ts': { code: ['analysis/', 'training/', 'compute/'] },
  'cli/': { code: ['analysis/', 'training/', 'compute/'] },
};

function ruleOf(path: string): [folder: string, rule: Rule] {
  const folder = Object.keys(rules)
    .filter((name) => path.startsWith(name))
    .sort((a, b) => b.length - a.length)[0]!;
  return [folder, rules[folder]!];
}

/** The imports of ours that a file must not have, in words. */
function forbidden(source: Source): string[] {
  const [folder, { code, types = [] }] = ruleOf(source.path);
  // What lies in analysis/ itself may not import the folders below it.
  const own = folder === 'analysis/' ? [] : [folder];
  return importsOf(source)
    .filter(({ target }) => target.endsWith('.ts') && target !== 'errors.ts')
    .filter(({ target, isTypeOnly }) => {
      const allowed = [...own, ...code, ...(isTypeOnly ? types : [])];
      return !allowed.some((name) => target.startsWith(name));
    })
    .map(({ target, isTypeOnly }) => `${source.path} imports ${isTypeOnly ? 'types' : 'code'} of ${target}`);
}

test('imports go one way: from the command line to analysis and training, from these to compute', () => {
  const sources = sourcesIn(...shippedFolders);
  assert.ok(sources.length > 100, `only ${sources.length} files were found`);
  assert.equal(sources.flatMap(forbidden), []);
});

test('errors.ts, which everything may import, imports nothing', () => {
  assert.equal(importsOf({ path: 'errors.ts', text: textOf('errors.ts') }), []);
});

test('ONNX Runtime is imported in one place, behind what turns its telemetry off', () => {
  const importers = sourcesIn(...shippedFolders).filter((source) =>
    importsOf(source).some(({ target }) => target.startsWith('onnxruntime')),
  );
  assert.equal(
    importers.map(({ path }) => path),
    ['compute/backends/onnxRuntime.ts'],
  );
  const order = importsOf(importers[0]!).map(({ target }) => target);
  assert.equal([...order].sort(), ['compute/backends/withoutTelemetry.ts', 'onnxruntime-node']);
  // Modules run in the order in which they are written.
  const { text } = importers[0]!;
  assert.ok(text.indexOf('withoutTelemetry') < text.indexOf('onnxruntime-node'));
});

test("notebooks import what users can: packages, and the library's entries", () => {
  const targets = sourcesIn('notebooks').flatMap(importsOf);
  assert.ok(targets.some(({ target }) => target === 'lambdamax/compute'));
  const inner = targets.filter(({ target }) => /\.ts$/.test(target) || /^lambdamax\/.*\//.test(target));
  assert.equal(inner, []);
});

test('code is found wherever it is imported, and types are told apart from it', () => {
  const text = [
    "import { lanczos } from '../analysis/algorithms/lanczos.ts';",
    "import {\n  type Sweep,\n  predict,\n} from '../analysis/predictor.ts';",
    "export { type A, type B } from '../analysis/sweep.ts';",
    "import type { C } from '../analysis/sweep.ts';",
    "const { d } = await import('../analysis/spectrum.ts');",
    "type E = typeof import('../analysis/spectrum.ts');",
    "// import { f } from '../analysis/thresholds.ts';",
  ].join('\n');
  assert.equal(importsOf({ path: 'training/finetune.ts', text }), [
    { target: 'analysis/algorithms/lanczos.ts', isTypeOnly: false },
    { target: 'analysis/predictor.ts', isTypeOnly: false },
    { target: 'analysis/sweep.ts', isTypeOnly: true },
    { target: 'analysis/sweep.ts', isTypeOnly: true },
    { target: 'analysis/spectrum.ts', isTypeOnly: false },
    { target: 'analysis/spectrum.ts', isTypeOnly: true },
  ]);
});

const wrong: readonly (readonly [path: string, imported: string])[] = [
  ['training/finetune.ts', "import { spectrum } from '../analysis/spectrum.ts'"],
  ['training/checkpoint/header.ts', "import type { Model } from '../model.ts'"],
  ['training/optimizers/sgd.ts', "import { lora } from '../adapters/lora.ts'"],
  ['training/models/llama.ts', "import { pissa } from '../adapters/pissa.ts'"],
  ['compute/graph/split.ts', "import { onnxBackend } from '../backends/onnx.ts'"],
  ['compute/trace/record.ts', "import { gradient } from '../differentiate/products.ts'"],
  ['compute/onnx/lower.ts', "import { record } from '../trace/record.ts'"],
  ['compute/compile.ts', "import { Model } from '../training/model.ts'"],
  ['analysis/algorithms/lanczos.ts', "import { hessian } from '../operators/hessian.ts'"],
  ['analysis/operators/hessian.ts', "import { lanczos } from '../algorithms/lanczos.ts'"],
  ['analysis/predictor.ts', "import { spectrum } from './spectrum.ts'"],
  ['analysis/thresholds.ts', "import type { Vector } from '../compute/tensors.ts'"],
  ['analysis/report/report.ts', "import { hessian } from '../operators/hessian.ts'"],
  ['analysis/spectrum.ts', "import { value } from '../cli/options.ts'"],
];

for (const [path, text] of wrong)
  test(`refused in ${path}: ${text}`, () => {
    assert.is(forbidden({ path, text }).length, 1);
  });

test.run();
