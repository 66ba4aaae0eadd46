import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { productName } from '../../compute/differentiate/products.ts';
import { collapse } from '../../compute/graph/collapse.ts';
import { mergeProducts } from '../../compute/graph/mergeProducts.ts';
import { nodesOfKernel } from '../../compute/graph/node.ts';
import {
  type Graph,
  hessianVector,
  type Kernel,
  onnxBackend,
  randomStream,
  splitAt,
  type Values,
  viewTensors,
} from '../../compute/index.ts';
import { directionName } from '../../compute/trace/record.ts';
import { adaptedWeights } from '../../training/layout/layout.ts';
import { shapeOf, traceCausalLoss } from '../../training/models/causal.ts';
import { randomFeeds, randomLoss } from '../cases/randomGraphs.ts';
import { llamaBatch, referenceAdapter, referenceModel } from '../cases/reference.ts';
import { relativeError } from '../oracles/relativeError.ts';

/** Largest skinny extent: rank 4 and head size 8 of the reference's Llama are skinny, its 32 hidden and 12 positions are not. */
const skinny = 8;

/** The curvature product of the reference's Llama with LoRA, what it is fed with, and how its graphs are run. */
async function llamaProduct() {
  const model = await referenceModel('llama', 'float64');
  const adapter = await referenceAdapter(model, 'lora', 'perturbed');
  const batch = llamaBatch('float64');
  const { inputs } = batch;
  const program = model.program(adapter.layout, batch);
  const traced = traceCausalLoss(model.decoder, adapter.layout, shapeOf(batch));
  const random = randomStream(1, 'direction');
  const direction = Float64Array.from({ length: program.size }, () => random.normal());
  const feeds: Values = new Map<string, Float64Array | Int32Array | Float32Array>([
    ...viewTensors(adapter.parameters, program.parameters),
    ...adapter.weights,
    ...Object.entries(inputs),
    ...[...viewTensors(direction, program.parameters)].map(([name, view]) => [directionName(name), view] as const),
  ]);
  const run = async (graph: Graph) => {
    const fed = new Set(adaptedWeights(adapter.layout));
    const executable = await onnxBackend.compile(graph, { precision: 'float64', weights: model.checkpoint, fed });
    const results = await executable.run(feeds);
    await executable.release();
    return program.parameters.flatMap(({ name }) => Array.from(results.get(productName(name))!));
  };
  const directions = new Set(program.parameters.map(({ name }) => directionName(name)));
  return { model, graph: hessianVector(traced), directions, run };
}

const count = (graph: Graph, kernel: Kernel) => nodesOfKernel(graph, kernel).length;

test('collected terms and merged products give the same curvature of a Llama', async () => {
  const { model, graph, directions, run } = await llamaProduct();
  await using _ = model;
  const expected = await run(graph);
  const collapsed = collapse(graph, directions);
  const merged = mergeProducts(collapsed, directions, skinny);
  assert.ok(relativeError(await run(collapsed), expected) < 1e-13);
  assert.ok(relativeError(await run(merged), expected) < 1e-13);
});

test('after the split, a product has fewer element-wise passes and matrix products', async () => {
  const { model, graph, directions } = await llamaProduct();
  await using _ = model;
  const [plain, collapsed] = [graph, collapse(graph, directions)].map((one) => splitAt(one, directions).product);
  const merged = splitAt(mergeProducts(collapse(graph, directions), directions, skinny), directions).product;
  assert.ok(count(collapsed!, 'Multiply') < 0.9 * count(plain!, 'Multiply'));
  assert.ok(count(merged, 'BatchMatMul') < 0.85 * count(collapsed!, 'BatchMatMul'));
  const turned = nodesOfKernel(merged, 'BatchMatMul').filter(
    ({ inputs, attributes }) => attributes.transposeA && Math.min(...inputs[0]!.shape.slice(-2)) > skinny,
  );
  assert.is(turned.length, 0, 'a large factor is turned in every product');
});

for (let seed = 1; seed <= 12; seed++)
  test(`collected terms and merged products give the same products of a random graph, seed ${seed}`, async () => {
    const graph = hessianVector(randomLoss(seed, 30));
    const directions = new Set(['first', 'second'].map(directionName));
    const feeds = randomFeeds(seed);
    const run = async (one: Graph) => {
      const executable = await onnxBackend.compile(one, { precision: 'float64', threads: 1 });
      const results = await executable.run(feeds);
      await executable.release();
      return results;
    };
    const expected = await run(graph);
    for (const same of [collapse(graph, directions), mergeProducts(collapse(graph, directions), directions)]) {
      const results = await run(same);
      assert.equal([...results.keys()], [...expected.keys()]);
      for (const [name, values] of results) assert.ok(relativeError(values, expected.get(name)!) < 1e-11, name);
    }
  });

test.run();
