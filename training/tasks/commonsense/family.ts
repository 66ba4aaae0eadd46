import { LambdamaxError } from '../../../errors.ts';
import { drawRows } from '../draw.ts';
import { textField, textPair } from '../fields.ts';
import type { TaskFamily, TaskProblem } from '../task.ts';
import { choiceRow } from './questions.ts';

/** A question with some answers to choose from, each under a label. */
export interface ChoiceProblem extends TaskProblem {
  readonly response: string;
  /** The label of the right one, such as `answer2`. */
  readonly answer: string;
  /** All labels that count as an answer. */
  readonly labels: readonly string[];
}

/** The labels of the eight LLM-Adapters sets: of BoolQ, PIQA, SIQA with ARC and OpenBookQA, HellaSwag, WinoGrande. */
const labelSets: readonly (readonly string[])[] = [
  ['true', 'false'],
  ['solution1', 'solution2'],
  ['answer1', 'answer2', 'answer3', 'answer4', 'answer5'],
  ['ending1', 'ending2', 'ending3', 'ending4'],
  ['option1', 'option2'],
];

/**
 * Multiple choice in the format of LLM-Adapters: `instruction` with the choices, `output`, and the right label in `answer`.
 * A response is right if the first label in it is. Labels are those of its eight sets, or what the instruction ends with as
 * `Answer format: this/that`.
 * @see https://github.com/AGI-Edgerunners/LLM-Adapters, `extract_answer` in commonsense_evaluate.py
 */
export const commonsenseFamily: TaskFamily<ChoiceProblem> = {
  name: 'commonsense',
  metric: 'right choices',
  template: 'Question: {prompt}\nAnswer:',
  stop: ['\nQuestion:'],
  read(row, subject) {
    const [prompt, response] = textPair(row, [['instruction', 'output']], subject);
    const answer = textField(row, 'answer', subject);
    const stated = /Answer format: (.+)$/.exec(prompt)?.[1]?.split('/') ?? [];
    const labels = [...labelSets, stated].find((set) => set.includes(answer));
    if (labels === undefined) {
      const expected = `one of ${[...labelSets.flat(), ...stated].join(', ')}`;
      throw new LambdamaxError({ subject: `field answer of ${subject}`, expected, got: answer });
    }
    return { prompt, response, answer, labels };
  },
  async judge(problems, responses) {
    return problems.map(({ answer, labels }, index) => ({ correct: firstOf(labels, responses[index]!) === answer }));
  },
  generate: (request) => drawRows('commonsense', request, choiceRow, ({ instruction }) => instruction),
};

/** Which of some labels stands first in a text: of words that begin alike the one that is there in full. */
function firstOf(labels: readonly string[], text: string): string | undefined {
  const longestFirst = labels.toSorted((a, b) => b.length - a.length);
  const escaped = longestFirst.map((label) => label.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'));
  return new RegExp(escaped.join('|')).exec(text)?.[0];
}
