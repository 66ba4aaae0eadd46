import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Batch, type Linearised, randomStream, type Vector } from 'lambdamax/compute';
import { type ModelName, models } from './models.ts';
import { readProblem, writeProblem } from './problem.ts';

/** What a process held after so many products. */
export interface SoakMark {
  readonly products: number;
  readonly residentBytes: number;
  /** The most after any product since the mark before. */
  readonly mostBytes: number;
}

/** A long row of products in one process. */
export interface Soak {
  readonly model: ModelName;
  readonly threads: number;
  /** `one point`: all products of one linearisation. `new batches`: every ten of another batch's. */
  readonly variant: 'one point' | 'new batches';
  readonly seconds: number;
  readonly marks: readonly SoakMark[];
  /** The most that was resident after the first products, until it settled, less the most within them. */
  readonly growthBytes: number;
  readonly isFlat: boolean;
}

/** Products after which all is compiled, and garbage has been collected a first time: 50 of one batch, or of 50 batches. */
const settled = { 'one point': 50, 'new batches': 500 } as const;
/** Allowed growth as a share of what is resident by then: as much as the moments of garbage collection make of it. */
const mostGrowth = 0.02;
const productsPerBatch = 10;

/**
 * Takes so many Hessian-vector products one after another in this process, each with the direction that the last one
 * yielded, as a power iteration does; and a fifth as many while the batch changes.
 */
export async function soak(
  model: ModelName,
  threads: number,
  products: number,
  say: (line: string) => void,
): Promise<Soak[]> {
  const folder = await mkdtemp(join(tmpdir(), 'lambdamax-soak-'));
  try {
    await writeProblem(folder, models[model]);
    const { model: loaded, program, point, batch, direction } = await readProblem(folder, { threads });
    const random = randomStream(0, 'soak');
    const otherBatch = (): Batch => ({
      ...batch,
      inputIds: batch.inputIds!.map(() => random.integer(models[model].vocabulary)) as Int32Array,
    });
    const run = async (variant: Soak['variant'], count: number): Promise<Soak> => {
      const started = performance.now();
      const marks: SoakMark[] = [];
      let mostBytes = 0;
      let linearised: Linearised = await program.linearise(point, batch);
      let along: Vector = direction;
      for (let done = 1; done <= count; done++) {
        along = normalised(await linearised.apply(along));
        const residentBytes = process.memoryUsage.rss();
        mostBytes = Math.max(mostBytes, residentBytes);
        if (isMark(done, count)) {
          marks.push({ products: done, residentBytes, mostBytes });
          mostBytes = 0;
          say(`${variant}: ${done} products, ${(residentBytes / 1e6).toFixed(0)} MB`);
        }
        if (variant === 'new batches' && done % productsPerBatch === 0) {
          await linearised.release();
          linearised = await program.linearise(point, otherBatch());
        }
      }
      await linearised.release();
      const seconds = (performance.now() - started) / 1000;
      return { model, threads, variant, seconds, marks, ...judged(marks, settled[variant]) };
    };
    const soaks = [
      await run('one point', products),
      await run('new batches', Math.max(settled['new batches'] + 1, Math.ceil(products / 5))),
    ];
    await loaded.release();
    return soaks;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** How far memory grew after the first products. */
export function judged(marks: readonly SoakMark[], first: number): Pick<Soak, 'growthBytes' | 'isFlat'> {
  const most = (some: readonly SoakMark[]) => Math.max(...some.map(({ mostBytes }) => mostBytes));
  const before = most(marks.filter(({ products }) => products <= first));
  const growthBytes = most(marks.filter(({ products }) => products > first)) - before;
  return { growthBytes, isFlat: growthBytes <= mostGrowth * before };
}

/** A soak as a table and its verdict. */
export function soakLines({ model, threads, variant, seconds, marks, growthBytes, isFlat }: Soak): string[] {
  const megabytes = (bytes: number) => (bytes / 1e6).toFixed(0);
  return [
    `products of ${model}, ${variant}, threads: ${threads}, ${seconds.toFixed(0)} s`,
    'products  resident MB  most since the last mark',
    ...marks.map(
      ({ products, residentBytes, mostBytes }) =>
        `${String(products).padStart(8)}${megabytes(residentBytes).padStart(13)}${megabytes(mostBytes).padStart(26)}`,
    ),
    `growth after the first ${settled[variant]}: ${megabytes(growthBytes)} MB; ${isFlat ? 'flat' : `not flat: more than ${100 * mostGrowth} %`}`,
  ];
}

/** 1, 50, 500, every thousandth, and the last. */
function isMark(done: number, count: number): boolean {
  return [1, 50, 500, count].includes(done) || done % 1000 === 0;
}

function normalised(vector: Vector): Vector {
  let squares = 0;
  for (const entry of vector) squares += entry * entry;
  const scale = 1 / Math.sqrt(squares);
  // `Float32Array.from` would fill V8's heap with a list of as many numbers, of which it collects 100 MB before it looks.
  return vector.map((entry) => scale * entry) as Vector;
}
