import { LambdamaxError } from '../../errors.ts';
import { GraphBuilder } from '../graph/builder.ts';
import type { Node } from '../graph/node.ts';
import type { Backend } from './executable.ts';

/** A power of two, so that all numbers that occur are too, and nothing is rounded. */
const size = 1024;
const products = 2;
const runs = 3;

/**
 * How many 10^9 floating-point operations a second a backend does in products of float32 matrices [1024, 1024], the best of
 * a few runs of two: the speed that a large model's compute approaches. Throws a LambdamaxError if the backend does not
 * start, or multiplies wrongly.
 */
export async function gemmGflops(backend: Backend, threads: number): Promise<number> {
  const executable = await backend.compile(productsOf(), { precision: 'float32', threads });
  try {
    // Every entry of a product of such matrices is 1/size again.
    const matrix = new Float32Array(size * size).fill(1 / size);
    let best = Number.POSITIVE_INFINITY;
    for (let run = 0; run <= runs; run++) {
      const started = performance.now();
      const sum = (await executable.run(new Map([['matrix', matrix]]))).get('sum')![0]!;
      const seconds = (performance.now() - started) / 1000;
      // The first run warms up.
      if (run > 0) best = Math.min(best, seconds);
      if (sum !== size)
        throw new LambdamaxError({
          subject: `backend ${backend.name}`,
          expected: `a matrix product whose entries sum to ${size}`,
          got: sum,
          remedy: 'use another backend: this one computes wrongly here',
        });
    }
    return (2 * products * size ** 3) / best / 1e9;
  } finally {
    await executable.release();
  }
}

/** ((m m) m) ..., summed. */
function productsOf() {
  const builder = new GraphBuilder();
  const matrix = builder.placeholder('matrix', { shape: [size, size], dtype: 'float32' });
  let power: Node = matrix;
  for (let product = 0; product < products; product++)
    power = builder.make('BatchMatMul', [power, matrix], { transposeA: false, transposeB: false });
  return { outputs: new Map([['sum', builder.make('Sum', [power], { axes: [0, 1], keepDims: false })]]) };
}
