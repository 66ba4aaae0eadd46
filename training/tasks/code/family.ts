import { LambdamaxError } from '../../../errors.ts';
import { drawRows } from '../draw.ts';
import { textField, textPair } from '../fields.ts';
import type { TaskFamily, TaskProblem, TaskRow } from '../task.ts';
import { functionRow } from './functions.ts';
import { judgedProgram, type ProgramTask } from './program.ts';
import { Sandbox } from './sandbox/sandbox.ts';

/** A function to write. Without `task` there are no tests: it can be trained on, and not judged. */
export interface CodeProblem extends TaskProblem {
  readonly task?: ProgramTask;
  /** The row, for errors to name. */
  readonly subject: string;
}

/**
 * JavaScript functions, judged by running their tests in a sandbox: pass@1. Rows are those of HumanEval, HumanEval-X and
 * MultiPL-E (`prompt`, `test` or `tests`; `entry_point` and `canonical_solution` if there), or instructions without tests
 * as Code Alpaca has them, to train on.
 * @see Chen et al., Evaluating large language models trained on code, arXiv 2107.03374
 */
export const codeFamily: TaskFamily<CodeProblem> = {
  name: 'code',
  metric: 'pass@1',
  template: '{prompt}',
  stop: [],
  read(row, subject) {
    const tests = ['test', 'tests'].find((field) => Object.hasOwn(row, field));
    if (tests === undefined && !Object.hasOwn(row, 'prompt')) {
      const [prompt, response] = textPair(row, [['instruction', 'output']], subject);
      return { prompt, response, subject };
    }
    const task = { prompt: textField(row, 'prompt', subject), tests: textField(row, tests ?? 'test', subject) };
    requireJavaScript(row, task, subject);
    return {
      ...{ prompt: task.prompt, subject },
      task: { ...task, ...(row.entry_point ? { entryPoint: entryPoint(row, subject) } : {}) },
      ...(row.canonical_solution ? { response: textField(row, 'canonical_solution', subject) } : {}),
    };
  },
  async judge(problems, responses) {
    await using sandbox = new Sandbox();
    const verdicts = [];
    for (const [index, { task, subject }] of problems.entries()) {
      if (task === undefined)
        throw new LambdamaxError({
          subject,
          expected: 'fields prompt and test, to judge a program by',
          got: 'neither',
        });
      const { passed } = await sandbox.run(judgedProgram(task, responses[index]!));
      verdicts.push({ correct: passed });
    }
    return verdicts;
  },
  generate: (request) => drawRows('code', request, functionRow, ({ prompt }) => prompt),
};

/** It becomes part of a script, so it must be a name and nothing else. */
function entryPoint(row: TaskRow, subject: string): string {
  const name = textField(row, 'entry_point', subject);
  if (/^[A-Za-z_$][\w$]*$/.test(name)) return name;
  throw new LambdamaxError({ subject: `entry_point of ${subject}`, expected: "a function's name", got: name });
}

function requireJavaScript(row: TaskRow, { prompt, tests }: ProgramTask, subject: string): void {
  const isPython = [prompt, tests].some((text) => /^\s*(?:async )?def \w+\(/m.test(text));
  const language = isPython ? 'Python' : row.language;
  if (language === undefined || /^(?:js|javascript)$/i.test(String(language))) return;
  const remedy = 'HumanEval-X and MultiPL-E hold the same problems in JavaScript';
  throw new LambdamaxError({ subject, expected: 'a problem in JavaScript', got: language, remedy });
}
