import { cp, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { randomStream } from '../../../compute/random.ts';
import { LambdamaxError } from '../../../errors.ts';
import { loadAdapter } from '../../../training/adapters/files/files.ts';
import {
  type AdapterRecord,
  type PeftAdapter,
  readAdapter,
  writeAdapter,
} from '../../../training/adapters/files/peftFolder.ts';
import { peftTypes } from '../../../training/adapters/index.ts';
import type { TensorValues } from '../../../training/checkpoint/safetensors.ts';
import { sizeOfModule } from '../../../training/peft/targets.ts';
import { adapterCases, referenceModel } from '../../cases/reference.ts';
import { inTemporaryFolder } from '../../cases/temporaryFolder.ts';
import { storedTensors } from '../../oracles/storedTensors.ts';
import { throwsClearly } from '../../oracles/throws.ts';

const adapters = 'fixtures/reference/adapters/llama';

const record: AdapterRecord = {
  method: 'pissa',
  initSeed: 7,
  rank: 4,
  alpha: 8,
  scaling: 2,
  targetModules: ['model.layers.0.self_attn.q_proj'],
  keepsFunctionBy: 'residualWeight',
};

/** A copy of the reference's PiSSA adapter with a changed config. */
async function readChanged(change: object): Promise<PeftAdapter> {
  const read: PeftAdapter[] = [];
  await inTemporaryFolder(async (folder) => {
    await cp(join(adapters, 'pissa', 'init'), folder, { recursive: true });
    const file = join(folder, 'adapter_config.json');
    await writeFile(file, JSON.stringify({ ...JSON.parse(await readFile(file, 'utf8')), ...change }));
    read.push(await readAdapter(folder));
  });
  return read[0]!;
}

test("PEFT's adapters are read, names without PEFT's prefix", async () => {
  const { config, tensors, record: none } = await readAdapter(join(adapters, 'pissa', 'init'));
  const modules = ['down_proj', 'gate_proj', 'k_proj', 'o_proj', 'q_proj', 'up_proj', 'v_proj'];
  assert.equal(config, {
    kind: { type: 'LORA', useRslora: false, useDora: false },
    rank: 4,
    alpha: 8,
    targetModules: modules,
    rankPattern: {},
    alphaPattern: {},
    fanInFanOut: false,
    baseModel: 'models/llama',
  });
  assert.is(none, undefined);
  assert.is(tensors.size, 28);
  assert.equal(tensors.get('model.layers.1.mlp.down_proj.lora_A.weight')?.shape, [4, 48]);
  assert.equal(tensors.get('model.layers.1.mlp.down_proj.lora_B.weight')?.shape, [32, 4]);
});

test("a written adapter has PEFT's own bytes, and PEFT's values for every field it writes", () =>
  inTemporaryFolder(async (folder) => {
    for (const { architecture, variant } of adapterCases) {
      const original = join('fixtures/reference/adapters', architecture, variant, 'perturbed');
      await writeAdapter(folder, await readAdapter(original));
      const file = 'adapter_model.safetensors';
      if (variant === 'randlora') {
        const [theirs, ours] = [original, folder].map((from) => storedTensors(pathToFileURL(join(from, file))));
        // PEFT writes the bases once for all modules, and once more for each.
        const once = [...theirs!].filter(([name]) => !/\..*\.randlora_[AB]$/.test(name));
        assert.equal(new Map(once), ours);
      } else assert.ok((await readFile(join(original, file))).equals(await readFile(join(folder, file))), variant);
      const [theirs, ours] = await Promise.all(
        [original, folder].map(async (from) => JSON.parse(await readFile(join(from, 'adapter_config.json'), 'utf8'))),
      );
      // The seed of bases that lie in the file.
      for (const config of [theirs, ours]) delete config.projection_prng_key;
      for (const [key, value] of Object.entries(ours)) assert.equal(value, theirs[key], key);
      for (const key of Object.keys(ours)) assert.ok(key in theirs, `PEFT has no field ${key}`);
      // PEFT writes null, false or an empty object for what is not used; nothing else may be missing from ours.
      for (const key of Object.keys(theirs).filter((name) => !(name in ours) && theirs[name])) {
        assert.ok(['peft_version', 'qalora_group_size'].includes(key), `${key} is missing`);
      }
    }
  }));

test('an adapter comes back as it was written, in float32 and in float64, with its record and initial values', () =>
  inTemporaryFolder(async (folder) => {
    const { config, tensors } = await readAdapter(join(adapters, 'pissa', 'perturbed'));
    const { tensors: initial } = await readAdapter(join(adapters, 'pissa', 'init'));
    const thirds = new Map<string, TensorValues>();
    for (const [name, { shape, values }] of tensors)
      thirds.set(name, { shape, values: Float64Array.from(values, (x) => x / 3) });
    const rankStabilised = { type: 'LORA', useRslora: true, useDora: true } as const;
    for (const adapter of [
      { config, tensors },
      { config: { ...config, targetModules: '.*_proj', kind: rankStabilised, rankPattern: { q_proj: 4 } }, tensors },
      { config, tensors: thirds, record: { ...record, keepsFunctionBy: 'zeroUpdate' } },
      { config, tensors: thirds, record, initial },
      { config, tensors },
    ] satisfies PeftAdapter[]) {
      await writeAdapter(folder, adapter);
      const read = await readAdapter(folder);
      assert.equal(read.config, adapter.config);
      assert.equal(read.record, adapter.record);
      assert.equal(read.initial, adapter.initial);
      for (const [name, tensor] of adapter.tensors) assert.equal(read.tensors.get(name), tensor, name);
    }
    // The last one has no record: that of the one before it is gone.
    assert.equal((await readdir(folder)).sort(), ['adapter_config.json', 'adapter_model.safetensors']);
  }));

test('residual weights without the initial values are refused, in writing and in reading', () =>
  inTemporaryFolder(async (folder) => {
    const { config, tensors } = await readAdapter(join(adapters, 'pissa', 'perturbed'));
    await throwsClearly(() => writeAdapter(folder, { config, tensors, record }), /initial values if and only if/);
    await throwsClearly(
      () => writeAdapter(folder, { config, tensors, initial: tensors }),
      /initial values if and only if/,
    );
    await writeAdapter(folder, { config, tensors });
    await writeFile(join(folder, 'lambdamax.json'), JSON.stringify(record));
    await throwsClearly(() => readAdapter(folder), /initial_adapter\.safetensors.*no such file/);
    await writeFile(join(folder, 'lambdamax.json'), JSON.stringify({ ...record, keepsFunctionBy: 'magic' }));
    await throwsClearly(() => readAdapter(folder), /keepsFunctionBy in .*lambdamax\.json/);
  }));

test('initial values of another shape are refused', () =>
  inTemporaryFolder(async (folder) => {
    const { config, tensors } = await readAdapter(join(adapters, 'pissa', 'perturbed'));
    const name = 'model.layers.0.self_attn.q_proj.lora_A.weight';
    const initial = new Map(tensors).set(name, { shape: [2, 32], values: new Float32Array(64) });
    await writeAdapter(folder, { config, tensors, record, initial });
    await throwsClearly(() => readAdapter(folder), /q_proj\.lora_A\.weight in .*initial_adapter.*\[4, 32\]/);
  }));

const refused: readonly { change: object; message: RegExp }[] = [
  {
    change: { peft_type: 'IA3' },
    message: new RegExp(`peft_type in .*expected ${peftTypes.map(({ type }) => type).join(', ')}, got IA3`),
  },
  { change: { peft_type: undefined }, message: /peft_type.*got none/ },
  { change: { r: 8 }, message: /lora_A\.weight \[8, in\].*got \[4, 48\]/ },
  { change: { r: 0 }, message: /^r in / },
  { change: { r: '4' }, message: /^r in / },
  { change: { lora_alpha: -1 }, message: /lora_alpha in / },
  { change: { target_modules: null }, message: /target_modules in / },
  { change: { bias: 'some' }, message: /bias in .*expected none, all, lora_only, got some/ },
  { change: { lora_bias: true }, message: /lora_bias in .*not supported/ },
];

for (const { change, message } of refused) {
  test(`an adapter config with ${JSON.stringify(change)} is refused`, () =>
    throwsClearly(() => readChanged(change), message));
}

test('A without B, wrong ranks, foreign names and no tensors at all are refused', () =>
  inTemporaryFolder(async (folder) => {
    const { config, tensors } = await readAdapter(join(adapters, 'lora', 'init'));
    const [name, tensor] = [...tensors][0]!;
    await throwsClearly(
      () => writeAdapter(folder, { config, tensors: new Map([[name, tensor]]) }),
      /and none|none and/,
    );
    const wide = { shape: [32, 5], values: new Float32Array(160) };
    const module = 'model.layers.0.self_attn.q_proj';
    await throwsClearly(
      () => writeAdapter(folder, { config, tensors: new Map(tensors).set(`${module}.lora_B.weight`, wide) }),
      /q_proj.*\[out, 4\], got \[4, 32\] and \[32, 5\]/,
    );
    await throwsClearly(() => writeAdapter(folder, { config, tensors: new Map() }), /LoRA tensors, got none/);
    await writeAdapter(folder, { config, tensors });
    await cp('fixtures/reference/models/llama/model.safetensors', join(folder, 'adapter_model.safetensors'));
    await throwsClearly(() => readAdapter(folder), /start with base_model\.model\./);
  }));

test('rank and alpha of a module follow the first pattern for the end of its name, as in PEFT', () => {
  const sizes = {
    ...{ rank: 8, alpha: 16 },
    rankPattern: { 'layers.1.mlp.down_proj': 2, 'down_proj|up_proj': 4, '.*\\.attn\\.[qk]_proj': 3 },
    alphaPattern: { down_proj: 1 },
  };
  for (const [module, rank, alpha] of [
    ['model.layers.1.mlp.down_proj', 2, 1],
    ['model.layers.11.mlp.down_proj', 4, 1],
    ['model.layers.0.mlp.up_proj', 4, 16],
    ['model.layers.0.mlp.gate_up_proj', 8, 16],
    ['model.layers.0.attn.q_proj', 3, 16],
    ['down_proj', 4, 1],
  ] as const)
    assert.equal(sizeOfModule(module, sizes), { rank, alpha }, module);
  assert.throws(() => sizeOfModule('q', { ...sizes, rankPattern: { '(': 1 } }), /module pattern "\("/);
});

for (const { variant } of adapterCases.filter(({ architecture }) => architecture === 'llama'))
  test(`no mutation of an adapter of ${variant} is worse than a LambdamaxError, when it is loaded for a model`, () =>
    inTemporaryFolder(async (folder) => {
      await using model = await referenceModel('llama', 'float32');
      await cp(join(adapters, variant, 'perturbed'), folder, { recursive: true });
      const random = randomStream(10, `mutations of ${variant}`);
      for (const file of ['adapter_config.json', 'adapter_model.safetensors']) {
        const bytes = await readFile(join(folder, file));
        for (let round = 0; round < 40; round++) {
          const mutant = Buffer.from(bytes);
          const at = random.integer(Math.min(mutant.length, 3000));
          // Digits into larger numbers, letters into others: most of what comes out can still be parsed.
          mutant[at] = mutant[at]! >= 48 && mutant[at]! < 57 ? 57 : random.integer(128);
          await writeFile(join(folder, file), mutant);
          await loadAdapter(model, folder).catch((error: unknown) => {
            assert.ok(error instanceof LambdamaxError, `${file}, round ${round}: ${error}`);
          });
        }
        await writeFile(join(folder, file), bytes);
      }
    }));

test('an adapter saved as .bin, and adapters in folders of their own, are told what to do', () =>
  inTemporaryFolder(async (folder) => {
    await cp(join(adapters, 'lora', 'init'), join(folder, 'first'), { recursive: true });
    await throwsClearly(
      () => readAdapter(folder),
      /got folders with adapters; give the folder of one adapter: .*first$/,
    );
    await rename(join(folder, 'first/adapter_model.safetensors'), join(folder, 'first/adapter_model.bin'));
    await throwsClearly(() => readAdapter(join(folder, 'first')), /got adapter_model\.bin; .*safe_serialization=True/);
  }));

test('a rank that no tensor has allocates nothing', () =>
  inTemporaryFolder(async (folder) => {
    await using model = await referenceModel('llama', 'float32');
    for (const variant of ['gralora', 'randlora', 'vera']) {
      await cp(join(adapters, variant, 'perturbed'), folder, { recursive: true });
      const file = join(folder, 'adapter_config.json');
      const config = JSON.parse(await readFile(file, 'utf8'));
      for (const change of [{ r: 2 ** 40 }, { r: 32 }, { gralora_k: 2 ** 40 }, { hybrid_r: 2 ** 40 }]) {
        if (variant !== 'gralora' && !('r' in change)) continue;
        await writeFile(file, JSON.stringify({ ...config, ...change }));
        await throwsClearly(() => loadAdapter(model, folder), /expected (shape|a whole number|a multiple)/);
      }
    }
  }));

test('no mutation or truncation of an adapter does worse than a LambdamaxError', () =>
  inTemporaryFolder(async (folder) => {
    const { config, tensors } = await readAdapter(join(adapters, 'lora', 'init'));
    const few = new Map([...tensors].filter(([name]) => name.includes('layers.0.self_attn.q_proj')));
    const random = randomStream(9, 'mutations of an adapter');
    const outcomes = { read: 0, refused: 0 };
    for (const file of [
      'adapter_config.json',
      'adapter_model.safetensors',
      'lambdamax.json',
      'initial_adapter.safetensors',
    ]) {
      await writeAdapter(folder, { config, tensors: few, record, initial: few });
      const bytes = await readFile(join(folder, file));
      for (let round = 0; round < 100; round++) {
        const mutant = Buffer.from(bytes.subarray(0, round % 4 === 0 ? random.integer(bytes.length) : bytes.length));
        // Most of a weight file are values, where anything goes: look at its first bytes, the header.
        if (round % 4 !== 0) mutant[random.integer(Math.min(mutant.length, 200))] = random.integer(256);
        await writeFile(join(folder, file), mutant);
        try {
          await readAdapter(folder);
          outcomes.read++;
        } catch (error) {
          assert.ok(error instanceof LambdamaxError, `${file}, round ${round}: ${error}`);
          outcomes.refused++;
        }
      }
    }
    assert.ok(outcomes.read > 20 && outcomes.refused > 100, JSON.stringify(outcomes));
  }));

test.run();
