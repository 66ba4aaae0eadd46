import { LambdamaxError } from '../../../errors.ts';
import { drawRows } from '../draw.ts';
import { textField } from '../fields.ts';
import type { TaskFamily, TaskProblem, TaskRow, Verdict } from '../task.ts';
import { type Check, checks } from './checks.ts';
import { Parameters } from './parameters.ts';
import { instructionRow } from './prompts.ts';

/** A prompt with instructions that can be checked. */
export interface InstructionProblem extends TaskProblem {
  readonly checks: readonly Check[];
}

/**
 * Instructions that can be checked, in the format of IFEval: `prompt`, `instruction_id_list`, `kwargs`. A response is right if
 * it follows all of them (prompt level, strict). Beside that: `promptLoose`, which also takes it without its first line, its
 * last, its asterisks; and `instructionStrict` and `instructionLoose`, where every instruction counts by itself.
 */
export const instructionsFamily: TaskFamily<InstructionProblem> = {
  name: 'instructions',
  metric: 'prompts with all instructions followed, strictly',
  template: '{prompt}',
  stop: [],
  read(row, subject) {
    const response = (row.response ?? null) !== null ? { response: textField(row, 'response', subject) } : {};
    return { prompt: textField(row, 'prompt', subject), ...response, checks: checksOf(row, subject) };
  },
  async judge(problems, responses) {
    return problems.map(({ checks }, index) => verdictOn(checks, responses[index]!));
  },
  generate: (request) => drawRows('instructions', request, instructionRow, ({ prompt }) => prompt),
};

function checksOf(row: TaskRow, subject: string): Check[] {
  const { instruction_id_list: names, kwargs } = row;
  if (!(Array.isArray(names) && names.length > 0)) {
    const expected = 'a list of types of instructions';
    throw new LambdamaxError({ subject: `instruction_id_list of ${subject}`, expected, got: names ?? 'nothing' });
  }
  return names.map((name: unknown, index) => {
    const make = typeof name === 'string' && Object.hasOwn(checks, name) ? checks[name] : undefined;
    if (make !== undefined) return make(new Parameters(parametersAt(kwargs, index), `${name} of ${subject}`));
    const expected = `one of ${Object.keys(checks).join(', ')}`;
    throw new LambdamaxError({
      subject: `instruction ${name} of ${subject}`,
      expected,
      got: 'a type that is not known',
    });
  });
}

function parametersAt(kwargs: unknown, index: number): Readonly<Record<string, unknown>> {
  const values: unknown = Array.isArray(kwargs) ? kwargs[index] : undefined;
  return typeof values === 'object' && values !== null ? (values as Record<string, unknown>) : {};
}

function verdictOn(asked: readonly Check[], response: string): Verdict {
  const followed = (variants: readonly string[]) =>
    asked.map((check) => variants.some((variant) => variant.trim() !== '' && check(variant)));
  const [strict, loose] = [followed([response]), followed(looseVariants(response))];
  return {
    correct: !strict.includes(false),
    measures: { promptLoose: [!loose.includes(false)], instructionStrict: strict, instructionLoose: loose },
  };
}

/** A response, and what is left of it without a first line that introduces it, a last one that closes it, and asterisks. */
function looseVariants(response: string): string[] {
  const lines = response.split('\n');
  const parts = [lines.slice(1), lines.slice(0, -1), lines.slice(1, -1)].map((part) => part.join('\n').trim());
  const variants = [response, ...parts];
  return [...variants, ...variants.map((variant) => variant.replaceAll('*', ''))];
}
