import { fileURLToPath } from 'node:url';
import { evaluate, generate, loadModel, loadRows } from 'lambdamax/training';
import { bundledModel } from './bundledModel.ts';

const problems = fileURLToPath(new URL('../fixtures/tasks/math-train.jsonl', import.meta.url));

/** What generation with the bundled model takes, in seconds; each first run compiles its graphs. */
export interface GenerateTimes {
  readonly threads: number;
  /** 64 tokens behind each of 64 prompts of 64 tokens. */
  readonly generated: readonly number[];
  /** Loss, and greedy decoding's exact answers by teacher forcing, of 500 problems. */
  readonly teacherForced: readonly number[];
}

/** Measures `repeats` runs of each. */
export async function generation(threads: number, repeats: number): Promise<GenerateTimes> {
  await using model = await loadModel(bundledModel, { threads });
  const { rows } = await loadRows(model, [problems], { maxLength: 512, limit: 500 });
  const stream = rows.flatMap(({ inputIds }) => [...inputIds]);
  const prompts = Array.from({ length: 64 }, (_, row) => stream.slice(64 * row, 64 * (row + 1)));
  return {
    threads,
    generated: await timed(repeats, () => generate(model, prompts, { maxNewTokens: 64, stop: new Set() })),
    teacherForced: await timed(repeats, () => evaluate(model, rows, { exact: true })),
  };
}

async function timed(repeats: number, action: () => Promise<unknown>): Promise<number[]> {
  const seconds: number[] = [];
  for (let run = 0; run < repeats; run++) {
    const started = performance.now();
    await action();
    seconds.push((performance.now() - started) / 1000);
  }
  return seconds;
}

/** What the bench found, in words. */
export function generationLines({ threads, generated, teacherForced }: GenerateTimes): string[] {
  const line = (what: string, [first, ...others]: readonly number[]) =>
    `${what}: ${first!.toFixed(2)} s with compilation, then ${Math.min(...others).toFixed(2)} s at best`;
  return [
    `${threads} thread${threads === 1 ? '' : 's'}`,
    line('64 x 64 tokens generated', generated),
    line('500 problems teacher-forced', teacherForced),
  ];
}
