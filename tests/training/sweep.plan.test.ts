import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { planDifferences, planKey, planSchema, runConfiguration } from '../../study/plan/plan.ts';
import { type RunConfiguration, runKey, runSchema } from '../../study/plan/run.ts';
import { canonicalJson, hashFiles } from '../../training/data/hash.ts';
import { someConfiguration, somePlan } from '../cases/studies.ts';

const run = runConfiguration(somePlan(), { configuration: someConfiguration(), learningRate: 1e-3, seed: 0 });

/** An equal value with the fields of every object in the opposite order. */
function turned(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(turned);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([name, inner]) => [name, turned(inner)]),
  );
}

/** Another value of the same type. */
function changed(value: unknown): unknown {
  if (typeof value === 'number') return value + 1;
  if (typeof value === 'string') return `${value}x`;
  if (typeof value === 'boolean') return !value;
  if (value === null) return 1;
  if (Array.isArray(value)) return value.map(changed);
  throw new Error(`no other value of ${typeof value}`);
}

test('a run key is 12 hexadecimal digits, whatever the order of the fields', () => {
  assert.match(runKey(run), /^[0-9a-f]{12}$/);
  assert.is(canonicalJson(turned(run)), canonicalJson(run));
  assert.is(runKey(turned(run) as RunConfiguration), runKey(run));
  assert.is(runKey(JSON.parse(JSON.stringify(run))), runKey(run));
});

test('a run key differs for every field, those of the optimizer too', () => {
  const others = Object.entries(run).flatMap(([name, value]): RunConfiguration[] =>
    name === 'optimizer'
      ? Object.entries(run.optimizer).map(([inner, setting]) => ({
          ...run,
          optimizer: { ...run.optimizer, [inner]: changed(setting) },
        }))
      : [{ ...run, [name]: changed(value) }],
  );
  const keys = new Set([run, ...others].map(runKey));
  assert.is(others.length, Object.keys(run).length - 1 + Object.keys(run.optimizer).length);
  assert.is(keys.size, others.length + 1);
});

test('names and places are no part of a run: only contents are', () => {
  const elsewhere = somePlan({
    model: '/elsewhere/base',
    data: ['/moved/a.jsonl'],
    validation: [],
    createdFrom: 'again',
  });
  const same = runConfiguration(elsewhere, { configuration: someConfiguration(), learningRate: 1e-3, seed: 0 });
  assert.is(runKey(same), runKey(run));
  assert.equal(planDifferences(somePlan(), elsewhere), []);
});

test('plans are of one study as long as model, data and score are the same; what else differs may grow', () => {
  const task = { name: 'math', exactOnly: false, maxNewTokens: 8 };
  const plan = somePlan({ task });
  const other = somePlan({ dataHash: 'd1', task: { ...task, maxNewTokens: 16 } });
  assert.equal(planDifferences(plan, other), [
    { field: 'dataHash', stored: 'd0', wanted: 'd1' },
    { field: 'task.maxNewTokens', stored: 8, wanted: 16 },
  ]);
  const grown = {
    ...plan,
    configurations: [someConfiguration({ rank: 32 })],
    seeds: [4],
    grid: [1e-2],
    refinements: 0,
  };
  assert.equal(planDifferences(plan, grown), []);
  assert.is(planKey(grown), planKey(plan));
  assert.is.not(planKey(other), planKey(plan));
});

test('a method that is an optimizer is trained as LoRA under it', () => {
  const optimizer = { ...someConfiguration().optimizer, name: 'loft' };
  const at = { learningRate: 1e-3, seed: 0 };
  const loft = runConfiguration(somePlan(), { configuration: someConfiguration({ method: 'loft', optimizer }), ...at });
  assert.equal([loft.method, loft.optimizer.name], ['lora', 'loft']);
  const named = runConfiguration(somePlan(), { configuration: someConfiguration({ optimizer }), ...at });
  assert.is(runKey(loft), runKey(named));
});

test('the plan of lambdamax 0.1 is read as one whose configurations differ in their method, with the keys that its runs had', () => {
  const { configurations, ...rest } = somePlan();
  const { method: _, rank, alpha, targetModules, ...training } = configurations[0]!;
  const old = { ...rest, version: 1, methods: ['pissa', 'lora'], rank, alpha, targetModules, training };
  assert.equal(planSchema.parse(JSON.parse(JSON.stringify(old))), { ...somePlan(), version: 1 });
  // The key of this run as version 0.1 wrote it.
  assert.is(runKey(run), '4d8b65319ce0');
});

test('the seed of the initial values is the run’s own unless the plan fixes it', () => {
  const at = { configuration: someConfiguration(), learningRate: 1e-3, seed: 5 };
  assert.is(runConfiguration(somePlan(), at).initSeed, 5);
  assert.is(runConfiguration(somePlan({ initSeed: 2 }), at).initSeed, 2);
});

test('what is written is read back the same, and a missing field is noticed', () => {
  assert.equal(planSchema.parse(JSON.parse(JSON.stringify(somePlan()))), somePlan());
  assert.equal(runSchema.parse(JSON.parse(JSON.stringify(run))), run);
  for (const name of Object.keys(run)) {
    const { [name as keyof RunConfiguration]: _, ...rest } = run;
    assert.not(runSchema.safeParse(rest).success, name);
  }
});

test('a study on another backend is another study, and one on ONNX Runtime has the keys it always had', () => {
  const onWasm = somePlan({ backend: 'wasm' });
  assert.equal(
    planDifferences(somePlan(), onWasm).map(({ field }) => field),
    ['backend'],
  );
  const cell = { configuration: someConfiguration(), learningRate: 1e-3, seed: 0 };
  assert.is.not(runKey(runConfiguration(onWasm, cell)), runKey(run));
  assert.is(runKey(runConfiguration(somePlan({ backend: undefined }), cell)), runKey(run));
  assert.equal(planSchema.parse(JSON.parse(canonicalJson(onWasm))), onWasm);
});

test('the hash of files is of their contents and order', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'lambdamax-'));
  try {
    const [a, b, ab] = ['a', 'b', 'ab'].map((name) => join(folder, name)) as [string, string, string];
    await writeFile(a, 'a');
    await writeFile(b, 'b');
    await writeFile(ab, 'ab');
    const copy = join(folder, 'copy');
    await writeFile(copy, 'a');
    assert.is(await hashFiles([a, b]), await hashFiles([copy, b]));
    assert.is.not(await hashFiles([a, b]), await hashFiles([b, a]));
    assert.is.not(await hashFiles([a, b]), await hashFiles([ab]));
  } finally {
    await rm(folder, { recursive: true });
  }
});

test.run();
