import { sameAnswer } from './boxedAnswer.ts';

const mark = 'The answer is: ';

/**
 * What stands behind the last `The answer is: ` of a text, up to the end of its sentence; null if there is none.
 * @see https://github.com/meta-math/MetaMath, `process_results` in eval_math.py
 */
export function statedAnswer(text: string): string | null {
  const at = text.lastIndexOf(mark);
  if (at < 0) return null;
  const sentence = text.slice(at + mark.length).split('.\n')[0]!;
  return sentence.trim().replace(/\.$/, '').trim();
}

/**
 * Whether two stated answers are the same, as MetaMath compares them: whole numbers by their values, `1,000` like `1000.0`,
 * and all else as MATH does.
 * @see https://github.com/meta-math/MetaMath, eval_gsm8k.py and eval_math.py
 */
export function sameStatedAnswer(reference: string, answer: string): boolean {
  const wanted = reference.replaceAll(',', '');
  if (!/^[-+]?\d+$/.test(wanted)) return sameAnswer(reference, answer);
  const number = firstNumber(answer);
  return number !== null && roundedToEven(number) === Number(wanted);
}

/** The first number of a text, a fraction `3/4` by its value; null if there is none, or nothing before the slash. */
function firstNumber(text: string): number | null {
  const [numerator, denominator] = /[-+]?\d*[.,/]?\d+/.exec(text)?.[0].replaceAll(',', '').split('/') ?? [];
  if (!numerator) return null;
  return Number(numerator) / (Number(denominator) || 1);
}

/** The nearest whole number, and for a half the even one beside it, which is how Python rounds. */
function roundedToEven(number: number): number {
  const rounded = Math.round(number);
  return rounded - number === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}
