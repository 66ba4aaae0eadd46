import {
  type Adapter,
  createAdapter,
  evaluateTask,
  finetune,
  loadModel,
  loadTask,
  type Model,
  type Proportion,
  proportion,
  readProblems,
  type TaskFamily,
  type TaskProblem,
  type TokenRow,
  taskTokenRows,
} from 'lambdamax/training';
import { bundledModel } from './bundledModel.ts';
import { aligned } from './rows.ts';

/** How each method is trained, and the learning rates among which the validation problems choose. */
const recipes = {
  lora: [2.5e-3, 5e-3, 1e-2],
  full: [1e-3, 2e-3],
} as const;

type Method = keyof typeof recipes;

const training = { steps: 300, batchSize: 16, rank: 8, rows: 4800 } as const;

/** Rates at which there should be less to see. */
const farRates = [
  [1 / 30, 'lora, a thirtieth'],
  [30, 'lora, thirty times'],
] as const;

/** What became of a family's test problems, all of them never seen. */
export interface TaskResult {
  readonly task: string;
  /** `base`, a method at its tuned rate, or LoRA at a thirtieth and thirty times of it. */
  readonly subject: string;
  readonly learningRate: number | null;
  readonly accuracy: Proportion;
  /** Loss on the right responses; null after a divergence. */
  readonly loss: number | null;
}

/**
 * How well the bundled base solves the problems of each family: as it is, and after a short fine-tuning, LoRA and all weights, each
 * at the rate that does best on the validation problems; and what LoRA makes of rates far from that one.
 */
export async function tasks(
  names: readonly string[],
  threads: number,
  say: (line: string) => void,
): Promise<readonly TaskResult[]> {
  await using model = await loadModel(bundledModel, { threads });
  const found: TaskResult[] = [];
  for (const name of names) {
    const exam = await openExam(model, name);
    const add = (row: TaskResult) => {
      found.push(row);
      say(
        `${name}, ${row.subject}${row.learningRate === null ? '' : ` at ${row.learningRate}`}: ${inWords(row.accuracy)}`,
      );
    };
    add({ task: name, subject: 'base', learningRate: null, ...(await examine(exam, 'test')) });
    for (const method of ['lora', 'full'] as const) {
      const trials = [];
      for (const learningRate of recipes[method]) {
        const trial = await run(exam, method, learningRate);
        say(`${name}, ${method} at ${learningRate}, validation: ${inWords(trial.validation.accuracy)}`);
        trials.push({ learningRate, ...trial });
      }
      // Of equals the one that is surer of the right responses.
      const [best] = trials.toSorted(
        ({ validation: a }, { validation: b }) =>
          b.accuracy.value - a.accuracy.value || (a.loss ?? Infinity) - (b.loss ?? Infinity),
      );
      const { learningRate, test } = best!;
      add({ task: name, subject: method, learningRate, ...test });
      if (method === 'full') continue;
      for (const [factor, words] of farRates) {
        const far = factor * learningRate;
        add({ task: name, subject: words, learningRate: far, ...(await run(exam, method, far)).test });
      }
    }
  }
  return found;
}

/** A family's problems, and the model that meets them. */
interface Exam {
  readonly model: Model;
  readonly family: TaskFamily;
  readonly rows: readonly TokenRow[];
  readonly validation: readonly TaskProblem[];
  readonly test: readonly TaskProblem[];
}

type Outcome = Pick<TaskResult, 'accuracy' | 'loss'>;

async function openExam(model: Model, name: string): Promise<Exam> {
  const family = await loadTask(name);
  const train = await readProblems(family, { split: 'train', limit: training.rows });
  const rows = (await taskTokenRows(model, family, train)).flatMap(({ row }) => row ?? []);
  const validation = await readProblems(family, { split: 'validation' });
  return { model, family, rows, validation, test: await readProblems(family, { split: 'test' }) };
}

async function run(exam: Exam, method: Method, learningRate: number): Promise<Record<'validation' | 'test', Outcome>> {
  const { steps, batchSize, rank } = training;
  const adapter = await createAdapter(exam.model, { method, rank, alpha: 2 * rank });
  const { status } = await finetune(exam.model, adapter, exam.rows, {
    ...{ steps, batchSize, learningRate, optimizer: 'adamw', schedule: 'cosine', warmupSteps: 9 },
    ...{ seed: 0, shuffle: true, maxGradNorm: 1 },
  });
  const outcome = async (split: 'validation' | 'test'): Promise<Outcome> =>
    status === 'finished' ? examine(exam, split, adapter) : { accuracy: proportion(0, exam[split].length), loss: null };
  return { validation: await outcome('validation'), test: await outcome('test') };
}

async function examine(exam: Exam, split: 'validation' | 'test', adapter?: Adapter): Promise<Outcome> {
  const { accuracy, loss } = await evaluateTask(exam.model, exam.family, exam[split], {
    maxNewTokens: 96,
    ...(adapter && { adapter }),
  });
  return { accuracy: accuracy!, loss: loss?.loss ?? null };
}

function percent(share: number): string {
  return (100 * share).toFixed(1);
}

function inWords({ value, low, high }: Proportion): string {
  return `${percent(value)} % (${percent(low)} to ${percent(high)})`;
}

/** What the bench found as a table, a line for each family and subject. */
export function taskLines(rows: readonly TaskResult[]): string[] {
  const header = ['task', 'trained', 'rate', 'accuracy', '95 % interval', 'loss'];
  const cells = rows.map(({ task, subject, learningRate, accuracy, loss }) => [
    task,
    subject,
    learningRate === null ? '' : String(Number(learningRate.toPrecision(3))),
    percent(accuracy.value),
    `${percent(accuracy.low)} to ${percent(accuracy.high)}`,
    loss === null ? 'diverged' : loss.toPrecision(3),
  ]);
  const { steps, batchSize, rank } = training;
  return [
    `${steps} steps of ${batchSize} problems, AdamW, cosine; LoRA of rank ${rank} on every linear layer`,
    ...aligned([header, ...cells], 2),
  ];
}
