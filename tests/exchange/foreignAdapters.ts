/**
 * Our half of a comparison of how adapters of others are read; `foreignAdapters.py` beside it is PEFT's. Every adapter in DIR
 * gives PEFT's loss and logits or is refused by name; saved again and merged, it lies in `again` and `merged` beside its own files.
 * Every field of PEFT's configuration classes is on our list, and none is refused at its default.
 *
 *     node --import tsx tests/exchange/foreignAdapters.ts DIR
 */
import { existsSync, readFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { LambdamaxError } from '../../errors.ts';
import { adapterFeeds } from '../../training/adapters/feeds.ts';
import { loadAdapter, saveAdapter } from '../../training/adapters/files/files.ts';
import { peftFields } from '../../training/adapters/files/peftConfig.ts';
import { toBatch } from '../../training/data/batches.ts';
import { evaluate } from '../../training/evaluate.ts';
import { mergeIntoBase } from '../../training/merge.ts';
import type { Model } from '../../training/model.ts';
import { requireKnownPeftFields } from '../../training/peft/fields.ts';
import { referenceModel, referenceRows } from '../cases/reference.ts';
import { storedTensors } from '../oracles/storedTensors.ts';

/** Both compute in float32, in another order; logits are of the order of 1. */
const tolerance = 2e-5;
/** The largest difference of mean losses: PEFT's has its own rounding. */
const lossTolerance = 1e-5;
const length = 12;

/** The largest difference of logits at the tokens, and that of the loss; what padding gets means nothing. */
async function differenceOf(
  model: Model,
  architecture: string,
  folder: string,
): Promise<{ logits: number; loss: number }> {
  const adapter = await loadAdapter(model, folder);
  await saveAdapter(model, adapter, join(folder, 'again'));
  await mergeIntoBase(model, adapter, join(folder, 'merged'));
  const rows = referenceRows(architecture.replace('-tied', ''));
  const batch = toBatch(rows, { length, precision: model.precision });
  const { layout, feeds } = adapterFeeds(adapter);
  const executable = await model.logits(layout, batch);
  const values = (await executable.run(new Map([...feeds, ...Object.entries(batch.inputs)]))).get('logits')!;
  const stored = storedTensors(pathToFileURL(join(folder, 'logits')));
  const expected = stored.get('logits')!;
  const vocabulary = expected.shape[2]!;
  let largest = values.length === expected.values.length ? 0 : Number.POSITIVE_INFINITY;
  for (const [row, { inputIds }] of rows.entries())
    for (let index = row * length * vocabulary; index < (row * length + inputIds.length) * vocabulary; index++)
      largest = Math.max(largest, Math.abs(values[index]! - expected.values[index]!));
  const { loss } = await evaluate(model, rows, { adapter });
  return { logits: largest, loss: Math.abs(loss - stored.get('loss')!.values[0]!) };
}

async function requireRefusal(model: Model, folder: string): Promise<void> {
  const word = await readFile(join(folder, 'refused'), 'utf8');
  try {
    await loadAdapter(model, folder);
  } catch (error) {
    if (error instanceof LambdamaxError && error.message.includes(word)) return;
    throw new Error(`${folder}: the refusal does not say ${word}: ${error}`, { cause: error });
  }
  throw new Error(`${folder}: is not refused`);
}

function requireFields(file: string): number {
  const kinds = JSON.parse(readFileSync(file, 'utf8')) as Record<string, Record<string, unknown>>;
  let count = 0;
  for (const [kind, defaults] of Object.entries(kinds)) {
    const rules = peftFields.get(kind)!;
    const missing = Object.keys(defaults).filter((field) => !Object.hasOwn(rules, field));
    if (missing.length > 0) throw new Error(`${kind}: PEFT has fields that are not on our list: ${missing.join(', ')}`);
    requireKnownPeftFields(`PEFT's defaults of ${kind}`, rules, defaults);
    count += Object.keys(defaults).length;
  }
  return count;
}

const [directory] = process.argv.slice(2);
if (directory === undefined) throw new Error('expected: DIR');
let worst = 0;
let worstLoss = 0;
const counts = { read: 0, refused: 0 };
for (const architecture of ['llama', 'llama-tied', 'qwen2', 'gpt2']) {
  await using model = await referenceModel(architecture, 'float32');
  for (const name of await readdir(join(directory, architecture))) {
    const folder = join(directory, architecture, name);
    if (existsSync(join(folder, 'refused'))) {
      await requireRefusal(model, folder);
      counts.refused++;
      continue;
    }
    const { logits, loss } = await differenceOf(model, architecture, folder);
    if (!(logits < tolerance)) throw new Error(`${architecture}, ${name}: our logits are ${logits} from PEFT's`);
    if (!(loss < lossTolerance)) throw new Error(`${architecture}, ${name}: our loss is ${loss} from PEFT's`);
    worst = Math.max(worst, logits);
    worstLoss = Math.max(worstLoss, loss);
    counts.read++;
  }
}
const fields = requireFields(join(directory, 'fields.json'));
if (counts.read < 100 || counts.refused < 80) throw new Error(`too few adapters: ${JSON.stringify(counts)}`);
console.log(
  `${counts.read} adapters of others give PEFT's logits here, to ${worst.toExponential(1)}, and its losses, to ${worstLoss.toExponential(1)}`,
);
console.log(`${counts.refused} are refused by name; all ${fields} fields of PEFT's configurations are known`);
