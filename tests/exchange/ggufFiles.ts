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
import type { TextTokenizer } from '../../training/data/tokenizer/tokenizer.ts';
import { loadModel, type Model } from '../../training/model.ts';
import { storedTensors } from '../oracles/storedTensors.ts';

/** Both compute in float32, in another order; logits are of the order of 1 to 20. */
const tolerance = 1e-4;

interface Theirs {
  readonly ids: readonly number[];
  readonly texts: readonly string[];
  readonly tokens: readonly (readonly number[])[];
}

/** Texts and what llama.cpp itself (node-llama-cpp 3.22.1) makes of them with the real file: transformers splits digits otherwise. */
interface Splitting {
  readonly text: string;
  readonly ids: readonly number[];
}

async function splitsAsLlamaCpp(tokenizer: TextTokenizer): Promise<string> {
  const file = new URL('./smollmTokens.json', import.meta.url);
  const stored = JSON.parse(await readFile(file, 'utf8')) as readonly Splitting[];
  const wrong = stored.filter(({ text, ids }) => tokenizer.encode(text).join() !== ids.join());
  if (wrong.length > 0 || stored.length < 50)
    throw new Error(`llama.cpp splits otherwise: ${JSON.stringify(wrong.map(({ text }) => text))}`);
  return `; ${stored.length} texts have the tokens of llama.cpp`;
}

async function logitsOf(model: Model, ids: readonly number[]): Promise<Float32Array> {
  const row = { inputIds: Int32Array.from(ids), labels: Int32Array.from(ids) };
  const batch = toBatch([row], { length: ids.length, precision: 'float32' });
  const executable = await model.logits(emptyLayout(), batch);
  return (await executable.run(new Map(Object.entries(batch.inputs)))).get('logits') as Float32Array;
}

function largestOf(values: Float64Array): number {
  return values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
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
  const error = largestOf(expected.values.map((value, index) => value - logits[index]!));
  const largest = largestOf(expected.values);
  if (!(logits.length === expected.values.length && error < tolerance))
    throw new Error(`${folder}: our logits are ${error} from transformers', of up to ${largest}`);
  const more = folder.endsWith('smollm2') ? await splitsAsLlamaCpp(tokenizer) : '';
  const counts = Object.entries(types).map(([name, count]) => `${count} ${name}`);
  return `${counts.join(', ')}: converted in ${seconds.toFixed(1)} s, ${texts.length} texts have equal tokens, logits up to ${largest.toFixed(1)} agree to ${error.toExponential(1)}${more}`;
}

const [directory] = process.argv.slice(2);
const names = (await readdir(directory!)).sort();
if (names.length < 6) throw new Error(`only ${names.length} files were written`);
for (const name of names) console.log(`${name}: ${await compare(join(directory!, name))}`);
