import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { importsOf, type Source, shippedFolders, sourcesIn, textOf } from '../cases/sources.ts';

/** The floors of the house from below: a file may import from its own floor and from those below it, of types as of code. */
const floors = shippedFolders;

/** Rooms that know less than their floor lets them: what their files may import besides one another and errors.ts. */
const rules: Readonly<Record<string, readonly string[]>> = {
  'compute/tensors.ts': [],
  'compute/random.ts': [],
  'compute/graph/': ['compute/tensors.ts'],
  'compute/trace/': ['compute/graph/', 'compute/tensors.ts', 'compute/engine.ts'],
  'compute/differentiate/': ['compute/trace/', 'compute/graph/', 'compute/tensors.ts'],
  'numerics/': ['compute/tensors.ts', 'compute/random.ts', 'compute/index.ts'],
  // It knows nothing of what its processes do.
  'workers/': [],
  'training/checkpoint/': ['compute/'],
  'training/optimizers/': ['compute/'],
  // How an adapted layer computes: what a model applies to its layers, which knows nothing of the methods.
  'training/peft/': ['training/checkpoint/'],
  'training/layout/': ['training/peft/', 'compute/'],
  'training/models/': ['training/layout/', 'training/checkpoint/', 'compute/'],
  'training/tasks/': ['training/userModule.ts', 'compute/random.ts'],
  // Plain numbers: nothing here has seen a model. What a method says of itself is asked by its name.
  'analysis/rates/': ['analysis/table/', 'numerics/', 'compute/random.ts', 'training/adapters/index.ts'],
  'analysis/figures/': ['analysis/rates/', 'numerics/'],
  'analysis/figures/drawing/': ['analysis/figures/figure.ts', 'numerics/'],
  // Words know nothing of options, and options nothing of the commands that take them.
  'cli/words/': floorsBelow('cli'),
  'cli/options/': [...floorsBelow('cli'), 'cli/words/', 'cli/command.ts'],
  'cli/actions/': [...floorsBelow('cli'), 'cli/words/', 'cli/options/'],
};

function floorsBelow(floor: (typeof floors)[number]): string[] {
  return floors.slice(0, floors.indexOf(floor)).map((folder) => `${folder}/`);
}

/** The imports of ours that a file must not have, in words. */
function forbidden(source: Source): string[] {
  const { path } = source;
  const room = Object.keys(rules)
    .filter((name) => path.startsWith(name))
    .sort((a, b) => b.length - a.length)[0];
  const floor = floorOf(path);
  return importsOf(source)
    .filter(({ target }) => target.endsWith('.ts') && target !== 'errors.ts')
    .filter(({ target }) =>
      room === undefined
        ? floorOf(target) > floor
        : !target.startsWith(room) && !rules[room]!.some((name) => target.startsWith(name)),
    )
    .map(({ target, isTypeOnly }) => `${path} imports ${isTypeOnly ? 'types' : 'code'} of ${target}`);
}

/** How high a file lies; -1 for one that no floor has. */
function floorOf(path: string): number {
  return floors.findIndex((folder) => path.startsWith(`${folder}/`));
}

test('imports go one way, those of types too: from the command line down to what computes', () => {
  const sources = sourcesIn(...shippedFolders);
  assert.ok(sources.length > 100, `only ${sources.length} files were found`);
  assert.equal(sources.flatMap(forbidden), []);
});

/** What imports what, by the names that `nameOf` gives to files; those that it gives null are left out. */
function arrowsBetween(sources: readonly Source[], nameOf: (path: string) => string | null): Map<string, Set<string>> {
  const arrows = new Map<string, Set<string>>();
  for (const source of sources)
    for (const { target } of importsOf(source)) {
      const [from, to] = [nameOf(source.path), target.endsWith('.ts') ? nameOf(target) : null];
      if (from === null || to === null || from === to) continue;
      arrows.set(from, (arrows.get(from) ?? new Set()).add(to));
    }
  return arrows;
}

/** The names that lie on a circle of arrows, or on a way from one circle to another; none where arrows go one way. */
function circling(arrows: ReadonlyMap<string, ReadonlySet<string>>): string[] {
  const left = new Map([...arrows].map(([from, targets]) => [from, [...targets]]));
  for (let before = Infinity; left.size < before; ) {
    before = left.size;
    const reached = new Set([...left.values()].flat());
    for (const [from, targets] of left)
      if (!reached.has(from) || !targets.some((target) => left.has(target))) left.delete(from);
  }
  return [...left.keys()].sort();
}

/** The files and folders that lie in a folder, as names of what is somewhere in it. */
const roomIn =
  (folder: string) =>
  (path: string): string | null =>
    path.startsWith(folder) ? path.slice(folder.length).split('/')[0]! : null;

test('no files import one another in a circle, types included', () => {
  const sources = sourcesIn(...floors);
  assert.equal(circling(arrowsBetween(sources, (path) => path)), []);
});

test('the files and folders of a folder do not import one another in a circle, types included', () => {
  const sources = sourcesIn(...floors);
  const folders = new Set(
    sources.flatMap(({ path }) => [...path.matchAll(/\//g)].map(({ index }) => path.slice(0, index + 1))),
  );
  assert.ok(folders.size > 20, `only ${folders.size} folders were found`);
  for (const folder of folders) assert.equal(circling(arrowsBetween(sources, roomIn(folder))), [], folder);
});

test('a circle of imports is found, and what only leads to it or away from it is not', () => {
  const arrows = { above: ['a'], a: ['b'], b: ['c'], c: ['a', 'below'], alone: ['below'] };
  assert.equal(circling(new Map(Object.entries(arrows).map(([from, to]) => [from, new Set(to)]))), ['a', 'b', 'c']);
});

for (const [floor, most] of [
  ['analysis', 7],
  ['cli', 12],
] as const)
  test(`${floor} has at most ${most} rooms`, () => {
    const rooms = new Set(sourcesIn(floor).map(({ path }) => roomIn(`${floor}/`)(path)));
    assert.ok(rooms.size <= most, [...rooms].join(', '));
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
  assert.equal(importsOf({ path: 'training/evaluate.ts', text }), [
    { target: 'analysis/algorithms/lanczos.ts', isTypeOnly: false },
    { target: 'analysis/predictor.ts', isTypeOnly: false },
    { target: 'analysis/sweep.ts', isTypeOnly: true },
    { target: 'analysis/sweep.ts', isTypeOnly: true },
    { target: 'analysis/spectrum.ts', isTypeOnly: false },
    { target: 'analysis/spectrum.ts', isTypeOnly: true },
  ]);
});

const wrong: readonly (readonly [path: string, imported: string])[] = [
  ['training/evaluate.ts', "import { spectrum } from '../analysis/curvature/spectrum.ts'"],
  ['training/evaluate.ts', "import type { StudyPlan } from '../study/plan.ts'"],
  ['training/checkpoint/header.ts', "import type { Model } from '../model.ts'"],
  ['training/optimizers/sgd.ts', "import { lora } from '../adapters/methods/lora.ts'"],
  ['training/models/families/llama.ts', "import { pissa } from '../../adapters/methods/pissa.ts'"],
  ['compute/graph/split.ts', "import { onnxBackend } from '../backends/onnx.ts'"],
  ['compute/trace/record.ts', "import { gradient } from '../differentiate/products.ts'"],
  ['compute/compile.ts', "import { Model } from '../training/model.ts'"],
  ['numerics/krylov/lanczos.ts', "import { hessian } from '../../analysis/curvature/operators/hessian.ts'"],
  ['workers/pool.ts', "import type { Model } from '../training/model.ts'"],
  ['analysis/rates/predictor.ts', "import { spectrum } from '../curvature/spectrum.ts'"],
  ['analysis/report/report.ts', "import { readStudy } from '../../study/folder/record.ts'"],
  ['cli/words/cost.ts', "import { openModel } from '../options/inputs.ts'"],
  ['cli/options/runSettings.ts', "import { command } from '../commands/finetune.ts'"],
  ['study/plan/plan.ts', "import { value } from '../../cli/options/options.ts'"],
];

for (const [path, text] of wrong)
  test(`refused in ${path}: ${text}`, () => {
    assert.is(forbidden({ path, text }).length, 1);
  });

test.run();
