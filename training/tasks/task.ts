/** One row of a data file: values by field. */
export type TaskRow = Readonly<Record<string, unknown>>;

/** What is asked, and if it is known what would be right. */
export interface TaskProblem {
  /** The question alone, without any template around it. */
  readonly prompt: string;
  /** A response that is right, to train on; absent where a row has none, as in IFEval. */
  readonly response?: string;
}

/** What became of one response. */
export interface Verdict {
  /** By the metric that the family is known by. */
  readonly correct: boolean;
  /** Other judgements by the names of their metrics; several under one name count each, as IFEval's instructions do. */
  readonly measures?: Readonly<Record<string, readonly boolean[]>>;
}

/** What a problem is for. */
export type TaskSplit = 'train' | 'validation' | 'test';

/** What a generator is asked for: so many different problems of a split, the same for the same seed. */
export interface TaskRequest {
  readonly split: TaskSplit;
  readonly count: number;
  readonly seed: number;
}

/** A family of tasks: where problems come from, how a model is asked, and when a response is right. */
export interface TaskFamily<Problem extends TaskProblem = TaskProblem> {
  readonly name: string;
  /** What {@link Verdict.correct} is the rate of, in words. */
  readonly metric: string;
  /** The text that a model continues, with `{prompt}` in it, unless the user gives another. */
  readonly template: string;
  /** Texts at which a response is over, besides the token that ends one. */
  readonly stop: readonly string[];
  /** A row of a data file as a problem. Throws a LambdamaxError that names the row (`subject`) and what is wrong with it. */
  read(row: TaskRow, subject: string): Problem;
  /** Verdicts on responses, the i-th to the i-th problem. Throws a LambdamaxError for a problem that cannot be judged. */
  judge(problems: readonly Problem[], responses: readonly string[]): Promise<readonly Verdict[]>;
  /** Problems of the little world, as rows that {@link read} takes; the splits are disjoint whatever the seeds. */
  generate?(request: TaskRequest): readonly TaskRow[];
  /** What a user's own file is made of, with all that it imports; `loadTask` sets it. Absent for a family of ours. */
  readonly contentHash?: string;
}
