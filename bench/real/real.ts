import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { describeMachine } from '../rows.ts';
import { measure } from '../subject.ts';
import { findPeers, lambdamax } from '../subjects.ts';
import { productDifference, requireLosses, sameTexts } from './agreement.ts';
import { inTurns, type RealMeasured } from './measure.ts';
import { type Amount, type RealResult, type RealRow, rowOf, searchRow } from './rows.ts';
import { searches, trueTolerance } from './search.ts';
import { type SettingFile, type SettingOptions, tokensOf, writeSetting } from './setting.ts';
import { type Comparison, comparisons, missingPeers, type Part } from './subjects.ts';

/** What is measured in several rounds; all else once, since it takes minutes or little hangs on it. */
const repeatedParts: ReadonlySet<Part> = new Set(['step', 'product']);

/** What is compared, and how often. */
export interface RealOptions extends SettingOptions {
  readonly parts: readonly Part[];
  readonly threads: readonly number[];
  /** Whether others are measured, and with which Python. */
  readonly peers: boolean;
  readonly python?: string | undefined;
  /** Processes of each, of steps and products. */
  readonly rounds: number;
  /** Measurements in a process. */
  readonly repeats: number;
}

/**
 * lambdamax on a given checkpoint and rows against those whom people use instead: training steps, Hessian-vector products,
 * lambda_max, starts of methods and generation, with set-up and memory of each, in one run. Everybody gets the same token ids,
 * adapter and direction. Throws a LambdamaxError that names the subject if one computes something else.
 */
export async function real(options: RealOptions, say: (line: string) => void): Promise<RealResult> {
  const { model, data, parts } = options;
  const peers = options.peers ? await findPeers(options.python) : { subjects: [], command: '', versions: {} };
  if (options.peers)
    for (const [needed, names] of missingPeers(parts, peers))
      say(`no ${needed} found (--python PATH, or bench/.venv): without ${names.join(', ')}`);
  const machine = describeMachine(peers.versions);
  const folder = await mkdtemp(join(tmpdir(), 'lambdamax-bench-'));
  const rows: RealRow[] = [];
  try {
    const folderOf = (name: string) => join(folder, name);
    const setting = await writeSetting(folderOf('setting'), options);
    const amountOf = amountsOf(setting);
    const amounts: Record<string, Amount> = {};
    for (const threads of options.threads) {
      const speed = { problem: '', quantity: 'gemm', threads, repeats: 1, seconds: 0, result: '' } as const;
      machine.gemmGflops[threads] = (await measure(lambdamax('onnx'), speed)).gflops ?? 0;
      say(`threads ${threads}: ${machine.gemmGflops[threads].toFixed(0)} GFLOP/s in products of large matrices`);
      for (const comparison of parts.flatMap((part) => comparisons(part, peers))) {
        amounts[comparison.quantity] = amountOf[comparison.part];
        // Nothing that one quantity keeps makes another's first time quicker.
        const kept = folderOf(`kept-${threads}-${comparison.quantity}`);
        const task = { setting: folderOf('setting'), model, threads, repeats: options.repeats, kept };
        if (comparison.part === 'lambdaMax') {
          const found = await searches(comparison, task, say);
          rows.push(...found.map((search) => searchRow(comparison.quantity, threads, search)));
        } else {
          const rounds = repeatedParts.has(comparison.part) ? options.rounds : 1;
          const measured = await inTurns(comparison, rounds, task, say);
          rows.push(...(await rowsOf(comparison, threads, measured, amountOf[comparison.part])));
        }
      }
    }
    return { machine, model: basename(model), data: basename(data), amounts, rows };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The lines of one comparison, each held against ours. */
async function rowsOf(
  { quantity, part }: Comparison,
  threads: number,
  measured: readonly RealMeasured[],
  amount: Amount,
): Promise<RealRow[]> {
  const ours = measured[0]!;
  const rows: RealRow[] = [];
  for (const one of measured) {
    const who = `${one.subject.name}, ${quantity}`;
    for (const { losses } of one.reports) requireLosses(who, losses, ours.reports[0]!.losses);
    rows.push(rowOf(quantity, threads, one, amount, await remarkOn(part, who, one, ours)));
  }
  return rows;
}

async function remarkOn(part: Part, who: string, one: RealMeasured, ours: RealMeasured): Promise<string> {
  if (one === ours) return '';
  if (part === 'product') return `difference ${(await productDifference(who, one, ours)).toExponential(0)}`;
  if (part === 'generation') return `same texts: ${sameTexts(one, ours)} of ${ours.reports[0]!.tokens?.length}`;
  return '';
}

function amountsOf(setting: SettingFile): Readonly<Record<Part, Amount>> {
  const { rows, batchSize, searched, prompts, newTokens } = setting;
  const words = (some: SettingFile['rows']) => {
    const { tokens, scored } = tokensOf(some);
    return `${some.length} rows of ${tokens} tokens, ${scored} of them scored`;
  };
  const first = rows.slice(0, batchSize);
  const batches = rows.length / batchSize;
  const promptTokens = prompts.reduce((sum, { length }) => sum + length, 0);
  return {
    step: {
      words: `AdamW, LoRA of rank 8 on all linear layers; batches: ${batches}, in all ${words(rows)}`,
      ...{ tokens: tokensOf(rows).tokens / batches, rows: batchSize },
    },
    product: {
      words: `Hessian-vector product, linearised; ${words(first)}`,
      ...{ tokens: tokensOf(first).tokens, rows: batchSize },
    },
    lambdaMax: { words: `to ${trueTolerance}, from the start of the process; ${words(searched)}` },
    starts: { words: 'on all linear layers, rank 8; "by one block": its time, as often as there are blocks' },
    generation: {
      words: `${prompts.length} x ${newTokens} tokens behind ${promptTokens}, greedily`,
      ...{ tokens: prompts.length * newTokens, rows: prompts.length },
    },
  };
}
