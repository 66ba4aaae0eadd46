/**
 * The number that GSM8K takes for a text's answer: what follows the first `#### `, without commas; null if there is none.
 * Numbers are compared as they are written.
 * @see https://github.com/openai/grade-school-math, `extract_answer` in grade_school_math/dataset.py
 */
export function markedNumber(text: string): string | null {
  return /#### (-?[0-9.,]+)/.exec(text)?.[1]?.replaceAll(',', '') ?? null;
}

/**
 * The last number of a text, which lm-evaluation-harness takes for its answer under the filter `flexible-extract`, with what
 * it leaves out of a comparison left out; null if there is none.
 * @see https://github.com/EleutherAI/lm-evaluation-harness, lm_eval/tasks/gsm8k/gsm8k.yaml
 */
export function lastNumber(text: string): string | null {
  const numbers = text.match(/-?[$0-9.,]{2,}|-?[0-9]+/g);
  return numbers === null ? null : numbers.at(-1)!.replace(/[,$]/g, '').replace(/\.$/, '');
}
