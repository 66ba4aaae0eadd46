import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { ModelShape } from './models.ts';
import { configOf } from './problem.ts';
import { writeRandomCheckpoint } from './randomCheckpoint.ts';
import { reported } from './subject.ts';
import { scriptCommand } from './subjects.ts';

/** The shape of a small real model: 535 million weights, 154 of them of a real vocabulary. LoRA goes on one module. */
export const largeModel: ModelShape = {
  hidden: 1024,
  intermediate: 3072,
  layers: 28,
  heads: 16,
  vocabulary: 150_000,
  tied: true,
  rows: 2,
  length: 64,
  rank: 8,
};

const bounds = { setupSeconds: 60, residentRatio: 1.3 };

const report = z.object({
  /** From opening the checkpoint until a linearised product is ready. */
  setupSeconds: z.number(),
  productSeconds: z.array(z.number()).min(1),
  loss: z.number(),
  /** <v, H v> / <v, v> of a random direction v. */
  curvature: z.number(),
  /** Bytes of all weights, in float32. */
  weightBytes: z.number(),
  /** The project's own estimate of the product's memory, without weights. */
  estimatedBytes: z.number(),
  /** The estimate's floating-point operations of one product. */
  flops: z.number(),
  /** Node with the library, before the checkpoint is opened. */
  bareBytes: z.number(),
  /** After the last product. */
  steadyBytes: z.number(),
  /** The most while the process lived. */
  peakBytes: z.number(),
});

/** What the process that loads the checkpoint reports, and where it is against its bounds. */
export interface Large extends Readonly<z.infer<typeof report>> {
  readonly module: string;
  readonly threads: number;
  /** Peak resident memory, in parts of weights and estimate together. */
  readonly residentRatio: number;
}

/**
 * A Hessian-vector product of a checkpoint of real size: random weights in BF16, written into the folder unless they are
 * there, loaded in a process of its own as users do, with LoRA on the q_proj of the middle layer. Throws a
 * LambdamaxError with its last words if the process fails.
 */
export async function large(
  folder: string,
  shape: ModelShape,
  { threads, products }: { readonly threads: number; readonly products: number },
  say: (line: string) => void,
): Promise<Large> {
  if (!(await isThere(folder, shape))) {
    say(`writing a checkpoint into ${folder}`);
    await writeRandomCheckpoint(folder, shape);
  }
  const module = `model.layers.${Math.floor(shape.layers / 2)}.self_attn.q_proj`;
  const { rows, length, rank } = shape;
  const task = { folder, module, rows, length, rank, threads, products };
  const [command, ...script] = scriptCommand('./subjects/large.ts');
  const args = Object.entries(task).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const found = await reported('large', command, [...script, ...args], report);
  const residentRatio = found.peakBytes / (found.weightBytes + found.estimatedBytes);
  return { ...found, module, threads, residentRatio };
}

/** The result in words, with a verdict for each bound. */
export function largeLines(found: Large): string[] {
  const { module, threads, setupSeconds, productSeconds, weightBytes, estimatedBytes, residentRatio } = found;
  const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(0)} MB`;
  const line = (what: string, value: string, rest: string) => `${what.padEnd(24)}${value.padStart(10)}  ${rest}`;
  const verdict = (value: number, bound: number) => (value <= bound ? 'held' : 'MISSED');
  const parts = `weights ${megabytes(weightBytes)} and the estimate of a product ${megabytes(estimatedBytes)}`;
  return [
    `${(weightBytes / 4e6).toFixed(0)} million weights in BF16, LoRA on ${module}, threads: ${threads}`,
    line(
      'set-up',
      `${setupSeconds.toFixed(1)} s`,
      `bound ${bounds.setupSeconds} s: ${verdict(setupSeconds, bounds.setupSeconds)}`,
    ),
    line('peak resident memory', megabytes(found.peakBytes), `${residentRatio.toFixed(2)} x (${parts})`),
    line('', '', `bound ${bounds.residentRatio}: ${verdict(residentRatio, bounds.residentRatio)}`),
    line('steady resident memory', megabytes(found.steadyBytes), `of which ${megabytes(found.bareBytes)} at the start`),
    line('Hessian-vector product', `${Math.min(...productSeconds).toFixed(2)} s`, `best of ${productSeconds.length}`),
  ];
}

/** config.json is written last. */
async function isThere(folder: string, shape: ModelShape): Promise<boolean> {
  const file = join(folder, 'config.json');
  return existsSync(file) && (await readFile(file, 'utf8')) === JSON.stringify(configOf(shape));
}
