// What rows.py left in a folder as we read it: `rows.ts FOLDER`. Rows must be those that were written, packed rows have
// transformers' losses, and what cannot be right must be refused.
import { deepStrictEqual, ok } from 'node:assert';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { LambdamaxError } from '../../errors.ts';
import { toTokenRows } from '../../training/data/examples.ts';
import { type DataRow, readRows } from '../../training/data/files/rows.ts';
import { evaluate } from '../../training/evaluate.ts';
import { loadModel } from '../../training/model.ts';

interface Expected {
  readonly rows: DataRow[];
  readonly files: readonly string[];
  readonly refused: readonly string[];
  readonly packed: readonly { readonly model: string; readonly row: DataRow; readonly loss: number }[];
}

const [folder] = process.argv.slice(2) as [string];
const { rows, files, refused, packed }: Expected = JSON.parse(readFileSync(join(folder, 'expected'), 'utf8'));

for (const file of files) {
  const read = await readRows(join(folder, file));
  deepStrictEqual(
    read.map(({ row }) => row),
    rows,
    file,
  );
}
for (const file of refused) {
  const error = await readRows(join(folder, file)).catch((cause: unknown) => cause);
  ok(error instanceof LambdamaxError, `${file} was read`);
  console.log(error.message.replace(folder, ''));
}

// transformers rounds norms, softmax and rotary tables to float32, whatever the model computes in.
const float32 = 2e-6;
let worst = 0;
for (const name of new Set(packed.map(({ model }) => model))) {
  await using model = await loadModel(`fixtures/reference/models/${name}`, { precision: 'float64' });
  for (const { row, loss: expected } of packed.filter((one) => one.model === name)) {
    const { rows: tokens } = toTokenRows([row], { maxLength: 512, vocabSize: model.config.vocabSize });
    const { loss } = await evaluate(model, tokens, { batchSize: 1 });
    worst = Math.max(worst, Math.abs(loss - expected));
    ok(Math.abs(loss - expected) < float32, `${name}: ${loss}, not ${expected}: ${JSON.stringify(row)}`);
  }
}
console.log(
  `${files.length} files have their rows, ${packed.length} packed rows their losses, within ${worst.toExponential(1)}`,
);
