import { fileURLToPath } from 'node:url';
import {
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
import { aligned } from './rows.ts';

const bundledModel = fileURLToPath(new URL('../fixtures/base', import.meta.url));

/** How each method is trained, and the learning rates among which the validation problems choose. */
const recipes = {
  lora: [2.5e-3, 5e-3, 1e-2],
  full: [5e-4, 1e-3, 2e-3],
} as const;

type Method = keyof typeof recipes;

const training = { steps: 300, batchSize: 16, rank: 8, rows: 4800 } as const;

/** What became of a family's test problems, all of them never seen. */
export interface TaskRow {
  readonly task: string;
  /** `base`, a method at its tuned rate, or LoRA at a thirtieth and thirty times of it. */
  readonly subject: string;
  readonly learningRate: number | null;
  readonly accuracy: Proportion;
  /** Of the right responses; null after a divergence. */
  readonly loss: number | null;
  readonly seconds: number;
}

/**
 * How well the bundled base solves the problems of each family: as it is, and after a short fine-tuning, LoRA and all weights, each
 * at the rate that does best on the validation problems; and what LoRA makes of rates far from that one.
 */
export async function tasks(
  names: readonly string[],
  threads: number,
  say: (line: string) => void,
): Promise<readonly TaskRow[]> {
  await using model = await loadModel(bundledModel, { threads });
  const found: TaskRow[] = [];
  for (const name of names) {
    const exam = await openExam(model, name);
    const add = (row: TaskRow) => {
      found.push(row);
      say(
        `${name}, ${row.subject}${row.learningRate === null ? '' : ` at ${row.learningRate}`}: ${inWords(row.accuracy)}`,
      );
    };
    add({ task: name, subject: 'base', learningRate: null, ...(await examine(exam, exam.test)) });
    for (const method of ['lora', 'full'] as const) {
      const trials = [];
      for (const rate of recipes[method]) {
        const trial = await run(exam, method, rate, exam.validation);
        say(`${name}, ${method} at ${rate}, validation: ${inWords(trial.accuracy)}`);
        trials.push({ rate, ...trial });
      }
      // Of equals the one that is surer of the right responses.
      const best = trials.toSorted(
        (a, b) => b.accuracy.value - a.accuracy.value || (a.loss ?? Infinity) - (b.loss ?? Infinity),
      )[0]!;
      add({ task: name, subject: method, learningRate: best.rate, ...(await run(exam, method, best.rate, exam.test)) });
      if (method === 'lora')
        for (const [factor, words] of [
          [1 / 30, 'lora, a thirtieth'],
          [30, 'lora, thirty times'],
        ] as const)
          add({
            task: name,
            subject: words,
            learningRate: factor * best.rate,
            ...(await run(exam, method, factor * best.rate, exam.test)),
          });
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

type Outcome = Pick<TaskRow, 'accuracy' | 'loss' | 'seconds'>;

async function openExam(model: Model, name: string): Promise<Exam> {
  const family = await loadTask(name);
  const train = await readProblems(family, { split: 'train', limit: training.rows });
  const rows = (await taskTokenRows(model, family, train)).flatMap(({ row }) => row ?? []);
  const validation = await readProblems(family, { split: 'validation' });
  return { model, family, rows, validation, test: await readProblems(family, { split: 'test' }) };
}

async function run(
  exam: Exam,
  method: Method,
  learningRate: number,
  problems: readonly TaskProblem[],
): Promise<Outcome> {
  const { steps, batchSize, rank } = training;
  const started = performance.now();
  const adapter = await createAdapter(exam.model, { method, rank });
  const { status } = await finetune(exam.model, adapter, exam.rows, {
    ...{ steps, batchSize, learningRate, optimizer: 'adamw', schedule: 'cosine', warmupSteps: 9 },
    ...{ seed: 0, shuffle: true, maxGradNorm: 1 },
  });
  if (status === 'finished') return { ...(await examine(exam, problems, adapter)), seconds: secondsSince(started) };
  return { accuracy: proportion(0, problems.length), loss: null, seconds: secondsSince(started) };
}

async function examine(
  { model, family }: Exam,
  problems: readonly TaskProblem[],
  adapter?: Awaited<ReturnType<typeof createAdapter>>,
): Promise<Outcome> {
  const result = await evaluateTask(model, family, problems, { maxNewTokens: 96, ...(adapter && { adapter }) });
  return { accuracy: result.accuracy, loss: result.loss?.loss ?? null, seconds: result.seconds };
}

function secondsSince(started: number): number {
  return (performance.now() - started) / 1000;
}

function percent(share: number): string {
  return (100 * share).toFixed(1);
}

function inWords({ value, low, high }: Proportion): string {
  return `${percent(value)} % (${percent(low)} to ${percent(high)})`;
}

/** The same as a table, a line for each family and subject. */
export function taskLines(rows: readonly TaskRow[]): string[] {
  const header = ['task', 'trained', 'rate', 'accuracy', '95 % interval', 'loss', 'seconds'];
  const cells = rows.map(({ task, subject, learningRate, accuracy, loss, seconds }) => [
    task,
    subject,
    learningRate === null ? '' : String(Number(learningRate.toPrecision(3))),
    percent(accuracy.value),
    `${percent(accuracy.low)} to ${percent(accuracy.high)}`,
    loss === null ? 'diverged' : loss.toPrecision(3),
    seconds.toFixed(0),
  ]);
  const { steps, batchSize, rank } = training;
  return [
    `${steps} steps of ${batchSize} problems, AdamW, cosine; LoRA of rank ${rank} on every linear layer`,
    ...aligned([header, ...cells], 2),
  ];
}
