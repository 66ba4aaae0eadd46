/**
 * Our half of a comparison of GGUF files with transformers; `ggufFiles.py` beside it is the other.
 *
 *     node --import tsx tests/exchange/ggufFiles.ts DIR   # the files that it wrote: folders, logits and tokens
 */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { emptyLayout } from '../../training/adapters/create.ts';
import { convertGguf } from '../../training/convert/gguf/convert.ts';
import { toBatch } from '../../training/data/batches.ts';
import { loadModel, type Model } from '../../training/model.ts';
import { storedTensors } from '../oracles/storedTensors.ts';

/** Both compute in float32, in another order; logits are of the order of 1 to 20. */
const tolerance = 1e-4;

interface Theirs {
  readonly ids: readonly number[];
  readonly texts: readonly string[];
  readonly tokens: readonly (readonly number[])[];
}

async function logitsOf(model: Model, ids: readonly number[]): Promise<Float32Array> {
  const row = { inputIds: Int32Array.from(ids), labels: Int32Array.from(ids) };
  const batch = toBatch([row], { length: ids.length, precision: 'float32' });
  const executable = await model.logits(emptyLayout(), batch);
  return (await executable.run(new Map(Object.entries(batch.inputs)))).get('logits') as Float32Array;
}

async function compare(folder: string): Promise<string> {
  const file = join(folder, 'model.gguf');
  const began = performance.now();
  const { types } = await convertGguf(file, { out: join(folder, 'f32'), dtype: 'F32' });
  const seconds = (performance.now() - began) / 1000;
  await convertGguf(file, { out: join(folder, 'bf16'), dtype: 'BF16' });
  const { ids, texts, tokens } = JSON.parse(await readFile(join(folder, 'theirs.json'), 'utf8')) as Theirs;
  await using model = await loadModel(join(folder, 'f32'), { threads: 1 });
  const tokenizer = await model.tokenizer();
  const ours = texts.map((text) => tokenizer.encode(text));
  const wrong = texts.filter((_, index) => ours[index]!.join() !== tokens[index]!.join());
  if (wrong.length > 0)
    throw new Error(
      `${folder}: ${wrong.length} of ${texts.length} texts have other tokens: ${JSON.stringify(wrong.slice(0, 5))}`,
    );
  const special = texts.map((text) => tokenizer.encode(text, { addSpecialTokens: true }));
  await writeFile(join(folder, 'ours.json'), JSON.stringify({ tokens: ours, special }));
  const expected = storedTensors(pathToFileURL(join(folder, 'theirs.safetensors'))).get('logits')!;
  const logits = await logitsOf(model, ids);
  const [error, largest] = [0, 0].map((_, which) =>
    expected.values.reduce(
      (most, value, index) => Math.max(most, Math.abs(which === 0 ? value - logits[index]! : value)),
      0,
    ),
  ) as [number, number];
  if (!(logits.length === expected.values.length && error < tolerance))
    throw new Error(`${folder}: our logits are ${error} from transformers', of up to ${largest}`);
  const counts = Object.entries(types).map(([name, count]) => `${count} ${name}`);
  return `${counts.join(', ')}: converted in ${seconds.toFixed(1)} s, ${texts.length} texts have equal tokens, logits up to ${largest.toFixed(1)} agree to ${error.toExponential(1)}`;
}

const [directory] = process.argv.slice(2);
const names = (await readdir(directory!)).sort();
if (names.length < 6) throw new Error(`only ${names.length} files were written`);
for (const name of names) console.log(`${name}: ${await compare(join(directory!, name))}`);
