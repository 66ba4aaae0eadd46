import type * as tf from '@tensorflow/tfjs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { onnxBackend, record } from '../../compute/index.ts';
import { corpusDocuments } from '../../training/corpus/corpus.ts';
import { notScored, toTokenRows } from '../../training/data/examples.ts';
import { evaluate } from '../../training/evaluate.ts';
import { generate } from '../../training/generate/generate.ts';
import { loadModel } from '../../training/model.ts';
import { greedyTokens } from '../../training/models/causalLoss.ts';
import { bundledModel } from '../../training/package.ts';
import { referenceModel, referenceRows } from '../cases/reference.ts';

test('the rows whose every scored token has the largest logit are those that greedy decoding writes', async () => {
  await using model = await loadModel(bundledModel(), { precision: 'float64', threads: 1 });
  const tokenizer = await model.tokenizer();
  // Documents of questions and answers, of which the base knows where they end; the last answer is to be written.
  const asked = [...corpusDocuments(7, 200)].flatMap((text) => {
    const last = /^Question: (.*)\nAnswer: (.*)$/s.exec(text);
    return last === null ? [] : [{ question: last[1]!, answer: last[2]! }];
  });
  const { rows } = toTokenRows(asked.slice(0, 45), { tokenizer, maxLength: 512 });
  const { exactRows, ...rest } = await evaluate(model, rows, { exact: true, batchSize: 7 });
  const starts = rows.map(({ labels }) => labels.findIndex((label) => label !== notScored));
  const generated = await generate(
    model,
    rows.map(({ inputIds }, index) => inputIds.subarray(0, starts[index])),
  );
  const written = rows.map(({ inputIds }, index) => {
    const { tokens, end } = generated[index]!;
    return end === 'stop' && `${[...tokens, tokenizer.eosTokenId]}` === `${[...inputIds.subarray(starts[index])]}`;
  });
  assert.equal(exactRows, written);
  assert.ok(written.includes(true) && written.includes(false));
  const { rowLosses } = await evaluate(model, rows, { batchSize: 7 });
  assert.equal(rest.rowLosses, rowLosses);
});

/** Likeliest tokens of hidden states [positions, hidden] and a matrix [vocabulary, hidden]. */
async function greedyOf(hidden: readonly number[], matrix: Float32Array, width: number): Promise<number[]> {
  const vocabulary = matrix.length / width;
  const specs = [
    { name: 'hidden', shape: [hidden.length / width, width] },
    { name: 'matrix', shape: [vocabulary, width] },
  ];
  const graph = record({ parameters: specs, inputs: [], weights: [] }, ({ parameters }) => {
    const [states, output] = specs.map(({ name }) => parameters.get(name) as tf.Tensor2D);
    return new Map([['greedy', greedyTokens(states!, output!)]]);
  });
  const executable = await onnxBackend.compile(graph, { precision: 'float32', threads: 1 });
  const results = await executable.run(new Map(Object.entries({ hidden: Float32Array.from(hidden), matrix })));
  await executable.release();
  return [...results.get('greedy')!];
}

test('of equal logits the first is the largest, and of such that are not numbers none', async () => {
  const matrix = Float32Array.of(0, 1, 2, 0, 2, 0, -3, 1);
  assert.equal(await greedyOf([1, 0, -1, 0, 0, 1, 0, 0, Number.NaN, 0], matrix, 2), [1, 3, 0, 0, 4]);
});

test('a large vocabulary is searched in chunks of positions', async () => {
  const matrix = new Float32Array(2 ** 22);
  matrix[2 ** 22 - 1] = 2;
  matrix[70_001] = -1;
  assert.equal(await greedyOf([1, -1, 0], matrix, 1), [2 ** 22 - 1, 70_001, 0]);
});

test('without being asked for it an evaluation says nothing of exact rows', async () => {
  await using model = await referenceModel('llama', 'float32');
  assert.not('exactRows' in (await evaluate(model, referenceRows('llama'))));
});

test.run();
