/**
 * Five LoRA variants, one compiled graph. Run it in a clone with
 *
 *     npx tsx notebooks/five-variants-one-graph.ts
 *
 * LoRA, Init[AB], MiLoRA, PiSSA and OLoRA compute the same thing, y = x W' + s x A' B'; they differ in the values of A, B
 * and the frozen W at step 0. So the loss at step 0 is the same for all, and so is the graph of its Hessian-vector product.
 * Only the curvature differs, and by a lot.
 */

import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { spectrum } from 'lambdamax/analysis';
import { createAdapter, loadModel, loadRows } from 'lambdamax/training';

// ## A model and some rows
//
// The small Llama that comes with lambdamax, and eight word problems of a kind that it has not seen. Any Llama checkpoint
// folder from Hugging Face will do as well, and any .jsonl file with questions and answers. A model this small gains little
// from a second thread.

const fixtures = new URL('../fixtures/', import.meta.url);
await using model = await loadModel(fileURLToPath(new URL('base', fixtures)), { threads: 1 });
const files = [fileURLToPath(new URL('tasks/math-train.jsonl', fixtures))];
const { rows } = await loadRows(model, files, { maxLength: 128, limit: 8 });

// ## Both ends of each Hessian
//
// `spectrum` linearises the loss once and runs Lanczos on the rest. The first variant pays for the compilation; the others
// find the programs ready. At most thirty products each: `outcome` says whether both ends were known to a thousandth by then.

const methods = ['lora', 'init-ab', 'milora', 'pissa', 'olora'];
const results = [];
for (const method of methods) {
  const adapter = await createAdapter(model, { method, rank: 8, alpha: 16 });
  results.push(await spectrum(model, adapter, rows, { batchSize: 8, maxSteps: 30 }));
}

console.table(
  results.map(({ method, loss, lambdaMax, lambdaMin, thresholds, outcome, products, seconds }) => ({
    method,
    loss: loss.toFixed(4),
    lambdaMax: lambdaMax.value.toPrecision(3),
    lambdaMin: lambdaMin.value.toPrecision(3),
    '2/lambdaMax': thresholds.gradientDescent?.toPrecision(3),
    outcome,
    products,
    seconds: seconds.toFixed(1),
  })),
);

// ## What to read from it
//
// The loss is one number five times: no variant changes the function that it starts from. The curvature is not, and
// 2 / lambda_max, up to which plain gradient descent is stable, differs accordingly. All five Hessians are indefinite, so
// that a plain power iteration may find the wrong end.
//
// Whether the best learning rate of Adam goes the same way is another question, and the one that `lambdamax study` measures.

for (const { method, loss, lambdaMax, lambdaMin } of results) {
  assert.ok(Math.abs(loss / results[0]!.loss - 1) < 1e-4, `${method} starts from another function`);
  assert.ok(lambdaMax.value > 0 && lambdaMin.value < 0, `${method} is not indefinite`);
}
