import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ModelName } from './models.ts';
import { aligned } from './rows.ts';
import { modelCases, randomCases, type StoppingCase } from './stoppingCases.ts';
import { type StoppingRule, stoppingRules, tolerance } from './stoppingRules.ts';

/** How close to the truth one rule stopped, over many operators. */
export interface StoppingRow {
  /** Which operators the rule was tried on. */
  readonly cases: string;
  readonly rule: string;
  readonly count: number;
  /** Searches that stopped with a relative error above 1e-3. */
  readonly misses: number;
  readonly medianError: number;
  readonly worstError: number;
  /** Where that was. */
  readonly worst: string;
  /** Products of one search, on average. */
  readonly products: number;
}

/** What is compared. */
export interface StoppingOptions {
  /** Random blocks of a small model. */
  readonly count: number;
  /** Models of the bench whose modules are searched, too. */
  readonly models: readonly ModelName[];
  readonly threads: number;
}

/**
 * Where searches stop, against eigenvalues that are known: ours at a tolerance of 1e-3, the rule of the paper, PyHessian's defaults.
 * Errors are relative to the eigenvalue that a search is after.
 */
export async function stopping(
  { count, models, threads }: StoppingOptions,
  say: (line: string) => void,
): Promise<StoppingRow[]> {
  const folder = await mkdtemp(join(tmpdir(), 'lambdamax-bench-'));
  try {
    const rows = await compared(`${count} random blocks`, randomCases(folder, count), say);
    for (const model of models)
      rows.push(...(await compared(`whole and modules of ${model}`, modelCases(folder, model, threads), say)));
    return rows;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** One search of one rule. */
interface Outcome {
  readonly rule: StoppingRule;
  readonly name: string;
  readonly error: number;
  readonly products: number;
}

async function compared(
  cases: string,
  operators: AsyncIterable<StoppingCase>,
  say: (line: string) => void,
): Promise<StoppingRow[]> {
  const outcomes: Outcome[] = [];
  let seed = 0;
  for await (const { name, operator, ...truth } of operators) {
    seed += 1;
    for (const rule of stoppingRules) {
      const { value, products } = await rule.search(operator, seed);
      const error = Math.abs(value / truth[rule.seeks] - 1);
      outcomes.push({ rule, name, error, products });
      if (error > tolerance) say(`${cases}: ${name}: ${rule.name} is ${(100 * error).toFixed(2)} % off`);
    }
  }
  return stoppingRules.map((rule) =>
    rowOf(
      cases,
      rule,
      outcomes.filter((outcome) => outcome.rule === rule),
    ),
  );
}

function rowOf(cases: string, rule: StoppingRule, outcomes: readonly Outcome[]): StoppingRow {
  const sorted = [...outcomes].sort((a, b) => a.error - b.error);
  const worst = sorted.at(-1)!;
  return {
    cases,
    rule: rule.name,
    count: outcomes.length,
    misses: outcomes.filter(({ error }) => error > tolerance).length,
    medianError: sorted[Math.floor(sorted.length / 2)]!.error,
    worstError: worst.error,
    worst: worst.name,
    products: outcomes.reduce((sum, { products }) => sum + products, 0) / outcomes.length,
  };
}

/** The rows as a table. */
export function stoppingLines(rows: readonly StoppingRow[]): string[] {
  const header = ['cases', 'rule', 'misses', 'median error', 'worst error', 'products', 'where'];
  return aligned(
    [
      header,
      ...rows.map(({ cases, rule, count, misses, medianError, worstError, worst, products }) => [
        cases,
        rule,
        `${misses} of ${count}`,
        percent(medianError),
        percent(worstError),
        products.toFixed(1),
        worst,
      ]),
    ],
    2,
  );
}

function percent(error: number): string {
  return `${(100 * error).toPrecision(2)} %`;
}
