/**
 * Our half of a comparison of models with transformers; `models.py` beside it is the other.
 *
 *     node --import tsx tests/exchange/models.ts DIR   # the checkpoints that it wrote: its loss, or a refusal that names a field
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LambdamaxError } from '../../errors.ts';
import { type TokenRow, toTokenRows } from '../../training/data/examples.ts';
import { evaluate } from '../../training/evaluate.ts';
import { loadModel } from '../../training/model.ts';
import { treatmentOf } from '../../training/models/configFields.ts';
import { families } from '../../training/models/index.ts';

/** Both compute in float32, in another order; losses are of the order of 5. */
const tolerance = 1e-5;

interface Losses {
  readonly ids: number[];
  readonly losses: Readonly<Record<string, number>>;
  readonly refused: Readonly<Record<string, string>>;
}

async function json<T>(directory: string, name: string): Promise<T> {
  return JSON.parse(await readFile(join(directory, name), 'utf8')) as T;
}

/** Every field of transformers' config classes must be known here: computed with, asked to be off, or harmless. */
async function compareFields(directory: string): Promise<void> {
  const classes = await json<Readonly<Record<string, string[]>>>(directory, 'fields.json');
  const unknown = families.flatMap(({ modelType, fields }) =>
    classes[modelType]!.filter((field) => treatmentOf(field, fields) === null).map((field) => `${modelType}: ${field}`),
  );
  if (unknown.length > 0) throw new Error(`fields of transformers that are not known here: ${unknown.join(', ')}`);
  const count = Object.values(classes).reduce((sum, fields) => sum + fields.length, 0);
  console.log(`all ${count} fields of ${families.length} config classes are known here`);
}

/** The loss of a checkpoint, or the field or tensor of it that it is refused for. Throws for any other refusal. */
async function lossOrRefusal(folder: string, rows: readonly TokenRow[]): Promise<number | string> {
  try {
    await using model = await loadModel(folder, { threads: 1 });
    return (await evaluate(model, rows, { batchSize: 1 })).loss;
  } catch (error) {
    if (error instanceof LambdamaxError && error.message.includes(folder)) return error.subject.split(' in ')[0]!;
    throw error;
  }
}

async function compareLosses(directory: string): Promise<void> {
  const { ids, losses } = await json<Losses>(directory, 'losses.json');
  const { rows } = toTokenRows([{ input_ids: ids, labels: ids }], { maxLength: ids.length });
  const refused = new Map<string, number>();
  const wrong: string[] = [];
  let [equal, worst] = [0, 0];
  for (const [name, expected] of Object.entries(losses)) {
    const outcome = await lossOrRefusal(join(directory, name), rows);
    if (typeof outcome === 'string') {
      refused.set(outcome, (refused.get(outcome) ?? 0) + 1);
      continue;
    }
    const error = Math.abs(outcome - expected);
    if (error < tolerance) [equal, worst] = [equal + 1, Math.max(worst, error)];
    else wrong.push(`${name}: the loss is ${error} from transformers' ${expected}`);
  }
  const count = Object.keys(losses).length;
  const names = [...refused].sort((a, b) => b[1] - a[1]).map(([field, times]) => `${field} ${times}`);
  console.log(`of ${count} models, ${equal} have transformers' loss, to ${worst.toExponential(1)}`);
  console.log(`${count - equal - wrong.length} are refused by name: ${names.join(', ')}`);
  if (wrong.length > 0) throw new Error(`${wrong.length} are wrong, silently\n${wrong.join('\n')}`);
  if (!(count >= 100 && equal > count / 2)) throw new Error(`only ${equal} of ${count} could be compared`);
}

const directory = process.argv[2];
if (directory === undefined) throw new Error('expected: DIR');
await compareFields(directory);
await compareLosses(directory);
