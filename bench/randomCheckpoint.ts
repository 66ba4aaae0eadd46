import { createCipheriv } from 'node:crypto';
import { mkdir, open, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { randomStream, sizeOf } from 'lambdamax/compute';
import type { ModelShape } from './models.ts';
import { configOf, weightsOf } from './problem.ts';

/** Entries that are made at once: 8 MB of BF16. */
const step = 2 ** 22;

/**
 * Writes a Llama's checkpoint in BF16, a few megabytes in memory at a time; the seed determines every byte. Norms are about
 * 1, matrices normal with variance 1 / in, as in a problem. config.json comes last: with it, the checkpoint is whole.
 */
export async function writeRandomCheckpoint(folder: string, shape: ModelShape, seed = 0): Promise<void> {
  await mkdir(folder, { recursive: true });
  const header: Record<string, object> = {};
  let end = 0;
  for (const [name, extents] of weightsOf(shape)) {
    header[name] = { dtype: 'BF16', shape: extents, data_offsets: [end, end + 2 * sizeOf(extents)] };
    end += 2 * sizeOf(extents);
  }
  const text = JSON.stringify(header);
  const padded = Buffer.from(text.padEnd(Math.ceil(text.length / 8) * 8));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));

  const normal = quantiles(seed);
  const bits = createCipheriv('aes-128-ctr', Buffer.alloc(16, seed), Buffer.alloc(16));
  const zeros = Buffer.alloc(2 * step);
  const file = join(folder, 'model.safetensors');
  const handle = await open(`${file}.part`, 'w');
  try {
    await handle.writeFile(Buffer.concat([length, padded]));
    for (const [, extents] of weightsOf(shape)) {
      const [mean, deviation] = extents.length === 1 ? [1, 0.1] : [0, 1 / Math.sqrt(extents[1]!)];
      const table = Uint16Array.from(normal, (value) => bfloat(mean + deviation * value));
      for (let left = sizeOf(extents); left > 0; left -= step) {
        const random = bits.update(zeros.subarray(0, 2 * Math.min(step, left)));
        const entries = new Uint16Array(random.buffer, random.byteOffset, random.length / 2);
        for (let index = 0; index < entries.length; index++) entries[index] = table[entries[index]!]!;
        await handle.writeFile(random);
      }
    }
  } finally {
    await handle.close();
  }
  await rename(`${file}.part`, file);
  await writeFile(join(folder, 'config.json'), JSON.stringify(configOf(shape)));
}

/** 65,536 draws of a normal distribution: 16 random bits choose one, much faster than each is drawn. */
function quantiles(seed: number): Float32Array {
  const random = randomStream(seed, 'weights');
  return Float32Array.from({ length: 2 ** 16 }, () => random.normal());
}

/** The upper half of a float32: bfloat16, rounded towards zero. */
function bfloat(value: number): number {
  return new Uint32Array(Float32Array.of(value).buffer)[0]! >>> 16;
}
