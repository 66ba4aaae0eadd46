/**
 * Our half of a comparison of tokens and masks with TRL; `text.py` beside it is the other.
 *
 *     node --import tsx tests/exchange/text.ts DIR   # the folders and expected.jsonl that text.py wrote
 */
import { join } from 'node:path';
import { type TokenRow, type TrainOn, toTokenRows } from '../../training/data/examples.ts';
import { type DataRow, readRows } from '../../training/data/files/rows.ts';
import { loadTokenizer, type TextTokenizer } from '../../training/data/tokenizer/tokenizer.ts';

interface Expected {
  readonly folder: string;
  readonly trainOn: TrainOn;
  readonly template?: string;
  readonly row: DataRow;
  readonly input_ids: readonly number[];
  readonly labels: readonly number[];
}

/** The longest row in tokens; text.py beside this file has the same number. */
const maxLength = 1000;

const [directory] = process.argv.slice(2);
const lines = await readRows(join(directory!, 'expected.jsonl'));
const expected = lines.map(({ row }) => row) as unknown as readonly Expected[];
const tokenizers = new Map<string, TextTokenizer>();
const faults: string[] = [];
for (const [index, { folder, trainOn, template, row, input_ids, labels }] of expected.entries()) {
  if (!tokenizers.has(folder)) tokenizers.set(folder, await loadTokenizer(join(directory!, folder)));
  const tokenizer = tokenizers.get(folder)!;
  const options = { tokenizer, trainOn, maxLength, ...(template === undefined ? {} : { template }) };
  let ours: TokenRow;
  try {
    ours = toTokenRows([row], options).rows[0]!;
  } catch (error) {
    faults.push(`row ${index + 1}, ${folder}, ${trainOn}: ${(error as Error).message}`);
    continue;
  }
  const [inputs, scored] = [firstDifference(ours.inputIds, input_ids), firstDifference(ours.labels, labels)];
  if (inputs < 0 && scored < 0) continue;
  const where = inputs < 0 ? `label ${scored}` : `token ${inputs}`;
  faults.push(
    `row ${index + 1}, ${folder}, ${trainOn}: ${where}: ${shown(ours, input_ids, tokenizer, Math.max(inputs, scored, 0))}`,
  );
}
if (faults.length > 0)
  throw new Error(`${faults.length} of ${expected.length} rows differ from TRL's\n${faults.slice(0, 20).join('\n')}`);
if (expected.length < 500) throw new Error(`TRL made ${expected.length} rows only`);
console.log(`${expected.length} rows have the tokens and labels of TRL, in ${tokenizers.size} folders`);

/** -1 if there is none. */
function firstDifference(ours: Int32Array, theirs: readonly number[]): number {
  const first = ours.findIndex((value, index) => value !== theirs[index]);
  return first < 0 && ours.length !== theirs.length ? ours.length : first;
}

function shown({ inputIds }: TokenRow, theirs: readonly number[], tokenizer: TextTokenizer, at: number): string {
  const text = (ids: readonly number[]) => JSON.stringify(tokenizer.decode(ids, { skipSpecialTokens: false }));
  const [from, to] = [Math.max(0, at - 4), at + 6];
  return `ours ${text([...inputIds.slice(from, to)])}, TRL's ${text(theirs.slice(from, to))}`;
}
