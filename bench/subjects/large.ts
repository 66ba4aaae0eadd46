/** Loads a checkpoint as users do and takes Hessian-vector products with LoRA on one module; what it says stands in `large.ts`. */

import { parseArgs } from 'node:util';
import { randomStream, sizeOf, type Vector } from 'lambdamax/compute';
import { createAdapter, loadModel } from 'lambdamax/training';
import { batchOf } from '../problem.ts';

const text = { type: 'string' } as const;
const { values } = parseArgs({
  options: { folder: text, module: text, rows: text, length: text, rank: text, threads: text, products: text },
});
const [rows, length, rank] = [Number(values.rows), Number(values.length), Number(values.rank)];

const seconds = (since: number) => (performance.now() - since) / 1000;

async function measured(): Promise<object> {
  const bareBytes = process.memoryUsage.rss();
  const started = performance.now();
  await using model = await loadModel(values.folder!, { threads: Number(values.threads) });
  const adapter = await createAdapter(model, { method: 'lora', rank, targetModules: values.module! });
  const random = randomStream(0, 'large');
  const normal = (spread: number) =>
    Float32Array.from({ length: adapter.parameters.length }, () => spread * random.normal());
  // B of LoRA is zero at first, and half of the Hessian with it.
  adapter.parameters.set(normal(0.05));
  const tokens = Int32Array.from({ length: rows * (length + 1) }, () => random.integer(model.config.vocabSize));
  const batch = batchOf(tokens, { rows, length });
  const program = model.program(adapter.layout, batch);
  const linearised = await program.linearise(adapter, batch.inputs);
  const direction = normal(1);
  const setupSeconds = seconds(started);

  const productSeconds: number[] = [];
  let product: Vector = direction;
  for (let run = 0; run < Number(values.products); run++) {
    const began = performance.now();
    product = await linearised.apply(direction);
    productSeconds.push(seconds(began));
  }
  const { checkpoint } = model;
  const weights = checkpoint.names().reduce((sum, name) => sum + sizeOf(checkpoint.shapeOf(name)), 0);
  const { peakBytes, weightBytes, flops } = program.estimate('hessian');
  const along = (v: Vector) => direction.reduce((sum, value, index) => sum + value * v[index]!, 0);
  return {
    setupSeconds,
    productSeconds,
    loss: linearised.value,
    curvature: along(product) / along(direction),
    weightBytes: 4 * weights,
    estimatedBytes: peakBytes - weightBytes,
    flops,
    bareBytes,
    steadyBytes: process.memoryUsage.rss(),
    // maxRSS is in kilobytes of 1,024 bytes.
    peakBytes: process.resourceUsage().maxRSS * 1024,
  };
}

try {
  console.log(JSON.stringify(await measured()));
} catch (error) {
  // Node's own report of an error ends with its version.
  console.error((error as Error).message);
  process.exitCode = 1;
}
