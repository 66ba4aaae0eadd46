import { appendFile, mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { SweepRun } from 'lambdamax/analysis';
import { z } from 'zod';
import { LambdamaxError } from '../../errors.ts';
import { nameOf, type SoughtAdapter } from './configurations.ts';
import { seed as firstSeed } from './experiment.ts';

/** Files of before there was another task say none. */
const configuration = { task: z.string().default('math'), method: z.string(), rank: z.number() };

const run = z.object({
  kind: z.literal('run'),
  ...configuration,
  learningRate: z.number(),
  /** What the order of its rows and its initial values come from; files of before there was another seed say none. */
  seed: z.number().default(firstSeed),
  /** On the scored rows, after training; null: it diverged. */
  loss: z.number().nullable(),
  /** Seconds of a run; only runs that a sweep of the bench's own made, before studies did, have it. */
  seconds: z.number().optional(),
});

const prediction = z.object({
  kind: z.literal('prediction'),
  ...configuration,
  by: z.string(),
  /** Null: it could not say. */
  learningRate: z.number().nullable(),
  /** 95 % interval, where there is one. */
  low: z.number().optional(),
  high: z.number().optional(),
  /** In gradients of one batch. */
  gradientEvaluations: z.number(),
  seconds: z.number(),
  /** The probe runs in the order in which they were made, and the best rate at each of their lengths; records before November 2026 have none. */
  probes: z.array(z.object({ learningRate: z.number(), steps: z.number(), score: z.number().nullable() })).optional(),
  rounds: z
    .array(z.object({ steps: z.number(), learningRate: z.number(), logError: z.number(), bracketed: z.boolean() }))
    .optional(),
  /** Along Adam's update: where the loss is least, and where it is back at its start. */
  lineSearch: z
    .object({
      learningRate: z.number().nullable(),
      logStandardError: z.number().nullable(),
      criticalRate: z.number().nullable(),
    })
    .optional(),
});

const curvature = z.object({
  kind: z.literal('curvature'),
  ...configuration,
  /** Largest eigenvalue of the Hessian where the first seed's training starts. */
  lambdaMax: z.number(),
  /** Largest eigenvalue of P^-1/2 H P^-1/2, the Hessian that Adam sees, after a few steps. */
  lambdaPre: z.number(),
  /** Norm of the loss's gradient over those rows, where training starts. */
  gradientNorm: z.number(),
});

const rival = z.object({
  kind: z.literal('rival'),
  ...configuration,
  /** The optimizer that finds its own rate. */
  by: z.string(),
  /** Loss of its one run on the scored rows; null: it diverged. */
  loss: z.number().nullable(),
  /** What it takes beside the run, in gradients of one batch. */
  gradientEvaluations: z.number(),
});

const record = z.discriminatedUnion('kind', [run, prediction, curvature, rival]);

/** One training run of a sweep. */
export type RunRecord = Readonly<z.infer<typeof run>>;

/** What one predictor said of one configuration. */
export type PredictionRecord = Readonly<z.infer<typeof prediction>>;

/** How sharp the loss is where a configuration's training starts. */
export type CurvatureRecord = Readonly<z.infer<typeof curvature>>;

/** What became of a run by an optimizer that finds its own rate. */
export type RivalRecord = Readonly<z.infer<typeof rival>>;

export type AnyRecord = RunRecord | PredictionRecord | CurvatureRecord | RivalRecord;

/** What was found at one length. */
export interface Records {
  readonly runs: readonly RunRecord[];
  /** With what they were made from, where that was kept. */
  readonly predictions: readonly PredictionRecord[];
  readonly curvatures: readonly CurvatureRecord[];
  readonly rivals: readonly RivalRecord[];
  /** What was said of the same before, by code of that time, and nothing else was kept of. */
  readonly earlier: readonly PredictionRecord[];
}

/** Everything that was found at one length, as lines of JSON; several processes may add to it. */
export class RecordFile {
  readonly #path: string;

  /** `name`: what the file of a set of configurations begins with. */
  constructor(folder: string, name: string, steps: number) {
    this.#path = join(folder, `${name}-${steps}.jsonl`);
  }

  /**
   * What is there twice counts once, as it was found first, of predictions those before whose line search was kept: the others are earlier
   * ones. No file yet is nothing found. Throws a LambdamaxError that names a line that is no record.
   */
  async read(): Promise<Records> {
    const lines = (await this.#text()).split('\n');
    const all = lines.flatMap((line, index) => (line === '' ? [] : [this.#parse(line, index + 1)]));
    const predictions = all.flatMap((one) => (one.kind === 'prediction' ? [one] : []));
    const isKept = ({ lineSearch }: PredictionRecord): boolean => lineSearch !== undefined;
    const counted = first([...predictions.filter(isKept), ...predictions.filter((one) => !isKept(one))]);
    return {
      runs: first(all.flatMap((one) => (one.kind === 'run' ? [one] : []))),
      predictions: counted,
      earlier: first(predictions.filter((one) => !isKept(one) && !counted.includes(one))),
      curvatures: first(all.flatMap((one) => (one.kind === 'curvature' ? [one] : []))),
      rivals: first(all.flatMap((one) => (one.kind === 'rival' ? [one] : []))),
    };
  }

  async #text(): Promise<string> {
    try {
      return await readFile(this.#path, 'utf8');
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return '';
      throw new LambdamaxError({
        subject: this.#path,
        expected: 'a file to read',
        got: (cause as Error).message,
        cause,
      });
    }
  }

  #parse(line: string, number: number): AnyRecord {
    try {
      return record.parse(JSON.parse(line));
    } catch (cause) {
      throw new LambdamaxError({
        subject: `line ${number} of ${this.#path}`,
        expected: 'a run or a prediction in JSON',
        got: line,
        remedy: 'delete the line: what it was for is made again',
        cause,
      });
    }
  }

  /** Adds a line at the end, at once. */
  async add(found: AnyRecord): Promise<void> {
    await mkdir(dirname(this.#path), { recursive: true });
    await appendFile(this.#path, `${JSON.stringify(found)}\n`);
  }
}

/** Those of one configuration. */
export function ofConfiguration<Found extends AnyRecord>(found: readonly Found[], sought: SoughtAdapter): Found[] {
  return found.filter((one) => nameOf(one) === nameOf(sought));
}

/** A run as a sweep has it. */
export function sweepRunOf(run: RunRecord): SweepRun {
  const { method, learningRate, seed, loss: score } = run;
  const status = score === null ? 'diverged' : 'finished';
  return { configuration: nameOf(run), method, learningRate, seed, score, status };
}

function first<Found extends AnyRecord>(found: readonly Found[]): Found[] {
  const keyed = new Map<string, Found>();
  for (const one of found) {
    const key = `${nameOf(one)} ${detailOf(one)}`;
    if (!keyed.has(key)) keyed.set(key, one);
  }
  return [...keyed.values()];
}

/** What tells records of one kind and one configuration apart. */
function detailOf(one: AnyRecord): string {
  if (one.kind === 'run') return `${one.learningRate} ${one.seed}`;
  return one.kind === 'curvature' ? '' : one.by;
}
