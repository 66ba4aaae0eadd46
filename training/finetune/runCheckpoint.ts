import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { z } from 'zod';
import type { Vector } from '../../compute/index.ts';
import { LambdamaxError } from '../../errors.ts';
import { openFile } from '../checkpoint/byteSource.ts';
import { fileFault } from '../checkpoint/files.ts';
import { readHeader } from '../checkpoint/header.ts';
import { readTensor, type TensorToWrite, writeSafetensors } from '../checkpoint/safetensors.ts';
import { type RunSettings, renamedSettings } from './runSettings.ts';
import type { RunState } from './runState.ts';

/** A run on disk: where it stands, and what it is a run of. */
export interface RunCheckpoint extends RunState {
  readonly settings: RunSettings;
  /** How much of metrics.jsonl belongs to the steps taken. */
  readonly metricsBytes: number;
}

const recordSchema = z.object({
  version: z.literal(1),
  settings: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
  steps: z.number().int().min(0),
  tokens: z.number().int().min(0),
  initialLoss: z.number(),
  seconds: z.number(),
  metricsBytes: z.number().int().min(0),
  optimizer: z.object({ name: z.string(), steps: z.number().int().min(0) }),
});

const parameters = 'parameters';
const optimizerPrefix = 'optimizer.';
const keptPrefix = 'kept.';

/**
 * Writes a checkpoint as one safetensors file: vectors as they are in memory, everything else in the header's metadata
 * with a hash over all of it. It replaces the one before when it is whole on the disk, and not earlier. Throws a
 * LambdamaxError that names the file if it cannot be written.
 */
export async function writeRunCheckpoint(path: string, checkpoint: RunCheckpoint): Promise<void> {
  const { parameters: values, optimizer, kept = new Map<string, Float64Array>(), ...rest } = checkpoint;
  const tensors = new Map<string, Vector>([[parameters, values]]);
  for (const [name, vector] of Object.entries(optimizer.vectors)) tensors.set(`${optimizerPrefix}${name}`, vector);
  for (const [name, vector] of kept) tensors.set(`${keptPrefix}${name}`, vector);
  const run = JSON.stringify({ version: 1, ...rest, optimizer: { name: optimizer.optimizer, steps: optimizer.steps } });
  const flat = [...tensors].map(([name, vector]): [string, TensorToWrite] => [
    name,
    { shape: [vector.length], values: vector },
  ]);
  await writeSafetensors(path, new Map(flat), { run, sha256: hashOf(run, tensors) });
}

/**
 * Reads a checkpoint; null if there is none. Throws a LambdamaxError that names the file, and what to do, if it is damaged or
 * not one of this version.
 */
export async function readRunCheckpoint(path: string): Promise<RunCheckpoint | null> {
  if (!existsSync(path)) return null;
  try {
    return await readWhole(path);
  } catch (cause) {
    const { message } = fileFault(path, 'a readable file', cause);
    const remedy = 'remove it, or start a new run without `resume`';
    const subject = `checkpoint ${path}`;
    throw new LambdamaxError({ subject, expected: 'the whole file of an unfinished run', got: message, remedy, cause });
  }
}

async function readWhole(path: string): Promise<RunCheckpoint> {
  const source = await openFile(path);
  try {
    const { tensors: entries, metadata } = await readHeader(source);
    const tensors = new Map<string, Vector>();
    for (const entry of entries)
      tensors.set(entry.name, await readTensor(source, entry, entry.dtype === 'F64' ? 'float64' : 'float32'));
    if (metadata.run === undefined || metadata.sha256 !== hashOf(metadata.run, tensors))
      throw new LambdamaxError({ subject: 'its contents', expected: `the hash ${metadata.sha256}`, got: 'another' });
    const record = recordSchema.safeParse(JSON.parse(metadata.run));
    if (!record.success)
      throw new LambdamaxError({ subject: 'its record', expected: 'a run of this version of lambdamax' });
    const { version: _, optimizer, settings, ...rest } = record.data;
    const named = (prefix: string): [string, Float64Array][] =>
      [...tensors]
        .filter(([name]) => name.startsWith(prefix))
        .map(([name, vector]) => [name.slice(prefix.length), Float64Array.from(vector)]);
    return {
      ...rest,
      settings: renamedSettings(settings),
      parameters: tensors.get(parameters)!,
      optimizer: {
        optimizer: optimizer.name,
        steps: optimizer.steps,
        vectors: Object.fromEntries(named(optimizerPrefix)),
      },
      ...(named(keptPrefix).length > 0 && { kept: new Map(named(keptPrefix)) }),
    };
  } finally {
    await source.close();
  }
}

/** SHA-256, in hexadecimal, of the record and of all vectors in the order of their names. */
function hashOf(run: string, tensors: ReadonlyMap<string, Vector>): string {
  const hash = createHash('sha256').update(run);
  for (const [name, vector] of [...tensors].sort(([a], [b]) => (a < b ? -1 : 1)))
    hash
      .update(`\n${name} ${vector.length}\n`)
      .update(new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength));
  return hash.digest('hex');
}
