import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { randomStream } from '../../compute/index.ts';
import { createAdapter } from '../../training/adapters/create.ts';
import { weightGradients } from '../../training/adapters/initial/gradients.ts';
import { batchesOf, toBatch } from '../../training/data/batches.ts';
import { type TokenRow, toTokenRows } from '../../training/data/examples.ts';
import type { DataRow } from '../../training/data/files/rows.ts';
import { evaluate } from '../../training/evaluate.ts';
import { referenceModel } from '../cases/reference.ts';
import { relativeError } from '../oracles/relativeError.ts';
import { throwsClearly } from '../oracles/throws.ts';

interface Case {
  readonly name: string;
  readonly rows: DataRow[];
  readonly losses: Readonly<Record<string, number>>;
}

const cases: Case[] = JSON.parse(readFileSync('fixtures/packed/rows.json', 'utf8'));
const caseOf = (name: string): DataRow[] => cases.find((one) => one.name === name)!.rows;
const read = (rows: readonly DataRow[], options = {}): TokenRow[] =>
  toTokenRows(rows, { maxLength: 512, ...options }).rows;

/** Rotary and learned positions; a sliding window in all layers, and in some, over two rotary embeddings. */
const kinds = ['llama', 'gpt2', 'mistral', 'gemma3_text'] as const;

for (const architecture of kinds)
  test(`${architecture} has transformers' losses of rows with position_ids`, async () => {
    await using model = await referenceModel(architecture, 'float64');
    for (const { name, rows, losses } of cases) {
      const { loss } = await evaluate(model, read(rows), { batchSize: 4 });
      assert.ok(Math.abs(loss - losses[architecture]!) < 1e-9, `${name}: ${loss}, not ${losses[architecture]}`);
    }
  });

// What the sequences of a packed row are on their own.
const first = {
  input_ids: [1, 5, 9, 33, 60, 12, 7, 2],
  labels: [-100, -100, 9, 33, 60, 12, 7, 2],
};
const second = {
  input_ids: [1, 70, 71, 72, 8, 15, 16, 23, 42, 2],
  labels: [-100, -100, -100, -100, 8, 15, 16, 23, 42, 2],
};
const joined = {
  input_ids: [...first.input_ids, ...second.input_ids],
  labels: [...first.labels, ...second.labels],
};
const position_ids = [0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
const packed = { ...joined, position_ids };

test('a packed row of the reference Llama has the loss 5.15006, one of its two sequences apart', async () => {
  await using model = await referenceModel('llama', 'float32');
  const { loss, rows, tokens } = await evaluate(model, read([packed]));
  assert.equal([loss.toFixed(5), rows, tokens], ['5.15006', 1, 12]);
  assert.is((await evaluate(model, read([first, second]))).loss.toFixed(5), '5.15006');
  assert.is((await evaluate(model, read([joined]))).loss.toFixed(5), '5.05854', 'as one sequence it is another');
});

test('a packed row is one row of a batch', () => {
  const rows = read([packed, first, second]);
  assert.equal(
    batchesOf(rows, 2).map((part) => toBatch(part).rows),
    [2, 1],
  );
});

const batchOf = (rows: readonly DataRow[]) => toBatch(read(rows), { precision: 'float64' });

for (const architecture of kinds)
  test(`${architecture}: gradient, Hessian and Gauss-Newton of packed rows are those of their sequences`, async () => {
    await using model = await referenceModel(architecture, 'float64');
    const random = randomStream(3, architecture);
    const adapter = await createAdapter(model, { method: 'lora', rank: 2 });
    adapter.parameters = adapter.parameters.map((value) => value + 0.1 * random.normal());
    const direction = adapter.parameters.map(() => random.normal());
    const third = { input_ids: [4, 8, 15, 16, 23, 42], labels: [-100, 8, 15, 16, 23, 42] };
    const [whole, apart] = [batchOf([packed, third]), batchOf([first, second, third])];
    const curvatures = [whole, apart].map(async (batch) => {
      const program = model.program(adapter.layout, batch);
      await using linearised = await program.linearise(adapter, batch.inputs, 'hessian');
      return {
        gradient: (await program.gradient(adapter, batch.inputs)).gradient,
        hessian: await program.hessianVector(adapter, batch.inputs, direction),
        gaussNewton: await program.gaussNewtonVector(adapter, batch.inputs, direction),
        linearised: await linearised.apply(direction),
      };
    });
    const [got, right] = await Promise.all(curvatures);
    for (const name of ['gradient', 'hessian', 'gaussNewton', 'linearised'] as const) {
      const error = relativeError(got![name], right![name]);
      assert.ok(error < 1e-11, `${name}: ${error}`);
    }
  });

test('H v of a row that scores first tokens is the limit of central differences', async () => {
  await using model = await referenceModel('gpt2', 'float64');
  const random = randomStream(4, 'first tokens');
  const adapter = await createAdapter(model, { method: 'lora', rank: 2 });
  adapter.parameters = adapter.parameters.map((value) => value + 0.1 * random.normal());
  const v = adapter.parameters.map(() => random.normal() / Math.sqrt(adapter.parameters.length));
  const batch = batchOf(caseOf('three sequences, one of one token, whose first tokens are scored'));
  const program = model.program(adapter.layout, batch);
  const product = await program.hessianVector(adapter, batch.inputs, v);
  const difference = async (step: number) => {
    const at = async (sign: number) => {
      const parameters = adapter.parameters.map((value, index) => value + sign * step * v[index]!);
      return (await program.gradient({ ...adapter, parameters }, batch.inputs)).gradient;
    };
    const [ahead, behind] = [await at(1), await at(-1)];
    return relativeError(
      ahead.map((value, index) => (value - behind[index]!) / (2 * step)),
      product,
    );
  };
  const [coarse, fine] = [await difference(2e-3), await difference(1e-3)];
  // The error of central differences falls with the square of the step.
  assert.ok(fine < 1e-4 && Math.abs(coarse / fine - 4) < 0.2, `errors ${coarse}, ${fine}`);
});

test('the gradients that LoRA-GA starts from are those of the sequences', async () => {
  await using model = await referenceModel('llama', 'float64');
  const { layout } = await createAdapter(model, { method: 'lora', rank: 2 });
  const gradients = async (rows: readonly DataRow[]) => {
    const found: number[] = [];
    for await (const [, gradient] of weightGradients(model, layout.modules, read(rows))) found.push(...gradient);
    return found;
  };
  assert.ok(relativeError(await gradients([packed]), await gradients([first, second])) < 1e-11);
});

const places = Int32Array.from(position_ids);

test('position_ids, seq_lengths and what flash attention is told are read as the same sequences', () => {
  const cu_seq_lens = [0, 8, 18];
  const seq_idx = position_ids.map((_, index) => (index < 8 ? 0 : 1));
  const also = { seq_idx, cu_seq_lens_q: cu_seq_lens, cu_seq_lens_k: cu_seq_lens, max_length_q: 10, max_length_k: 10 };
  const told = { ...joined, seq_lengths: [8, 10] };
  for (const row of [packed, told, { ...packed, ...also }, { ...told, ...also }, { ...packed, seq_lengths: [8, 10] }]) {
    const [{ places: found, positions }] = read([row]) as [TokenRow];
    assert.equal([found, positions], [places, undefined]);
  }
});

test("the first tokens of TRL's packed sequences are not scored, those of others are as labelled", () => {
  const labels = joined.input_ids;
  const [{ labels: trl }] = read([{ ...joined, labels, seq_lengths: [8, 10] }]) as [TokenRow];
  assert.equal([...trl], [-100, ...labels.slice(1, 8), -100, ...labels.slice(9)]);
  const [{ labels: others }] = read([{ ...packed, labels }]) as [TokenRow];
  assert.equal([...others], labels);
});

test('position_ids that say nothing new are as if they were not there', () => {
  const plain = { ...first, position_ids: [0, 1, 2, 3, 4, 5, 6, 7] };
  const right = read([first]);
  assert.equal(read([plain]), right);
  assert.equal(
    read([{ ...plain, attention_mask: [1, 1, 1, 1, 1, 1, 1, 1], seq_idx: plain.labels.map(() => 0) }]),
    right,
  );
  assert.equal(read([{ ...first, position_ids: null, seq_lengths: [8], cu_seqlens: [0, 8] }]), right);
  // Padding at the end has any positions.
  const padded = {
    ...{ input_ids: [...first.input_ids, 0, 0], labels: [...first.labels, -100, -100] },
    ...{ attention_mask: [1, 1, 1, 1, 1, 1, 1, 1, 0, 0], position_ids: [...plain.position_ids, 0, 0] },
  };
  assert.equal(read([padded]), right);
  assert.equal(read([packed], { maxLength: 8 }), right, 'what is cut to its first sequence is that sequence');
});

const ones = joined.input_ids.map(() => 1);
const refused: readonly { row: DataRow; options?: object; message: RegExp }[] = [
  {
    row: { ...packed, attention_mask: ones },
    message: /position_ids of data row 1, position 8: .*beside an attention_mask/,
  },
  {
    row: { ...packed, attention_mask: ones.map((_, index) => (index === 4 ? 0 : 1)) },
    message: /position_ids of data row 1, position 8: .*leave attention_mask out/,
  },
  {
    row: { ...first, attention_mask: [1, 1, 0, 1, 1, 1, 1, 1], position_ids: [0, 1, 1, 2, 3, 4, 5, 6] },
    message: /position_ids of data row 1/,
  },
  {
    row: { ...joined, attention_mask: [...ones.slice(1), 0], seq_lengths: [8, 10] },
    message: /attention_mask of data row 1/,
  },
  {
    row: { ...joined, attention_mask: position_ids.map((_, index) => (index < 8 ? 1 : 2)) },
    message: /got 2.*position_ids/,
  },
  {
    row: { ...joined, attention_mask: ones.map(() => ones) },
    message: /attention_mask of data row 1, position 0: .*zeros and ones/,
  },
  {
    row: { ...joined, seq_idx: ones.map((_, index) => (index < 8 ? 0 : 1)) },
    message: /seq_idx of data row 1: .*position_ids/,
  },
  { row: { ...packed, seq_idx: ones.map((_, index) => (index < 9 ? 0 : 1)) }, message: /seq_idx of data row 1/ },
  { row: { ...joined, cu_seqlens: [0, 8, 18] }, message: /cu_seqlens of data row 1/ },
  {
    row: { ...packed, cu_seq_lens_q: [0, 9, 18] },
    message: /cu_seq_lens_q of data row 1: .*\(0, 8, 18\), got 0, 9, 18/,
  },
  { row: { ...packed, seq_lengths: [9, 9] }, message: /seq_lengths of data row 1/ },
  { row: { ...joined, seq_lengths: [8, 9] }, message: /seq_lengths of data row 1: expected a sum of 18, .*got 17/ },
  { row: { ...joined, seq_lengths: [18, 0] }, message: /seq_lengths of data row 1, position 1/ },
  { row: { ...joined, position_ids: [0, 1] }, message: /position_ids of data row 1: expected 18 entries/ },
  {
    row: { ...packed, position_ids: position_ids.map((one) => one - 1) },
    message: /position_ids of data row 1, position 0/,
  },
  { row: { ...joined, token_type_ids: position_ids }, message: /token_type_ids of data row 1, position 1/ },
  {
    row: { ...first, token_type_ids: first.labels.map(() => 0) },
    options: { addsTokenTypes: true },
    message: /no field token_type_ids/,
  },
  { row: { ...first, inputs_embeds: [[0.5]] }, message: /no field inputs_embeds/ },
  {
    row: { ...packed, position_ids: position_ids.map((one) => one + 25) },
    options: { learnedPositions: 32 },
    message: /below 32.*got 34/,
  },
  { row: packed, options: { learnedPositions: 9 }, message: /data row 1: expected positions below 9, .*got 9/ },
];

for (const { row, options, message } of refused)
  test(`${message.source} is refused`, () => throwsClearly(() => read([row], options), message));

test('other columns of a tokenizer change nothing', () => {
  const zeros = first.labels.map(() => 0);
  assert.equal(read([{ ...first, token_type_ids: zeros, special_tokens_mask: zeros, length: 8 }]), read([first]));
});

test.run();
