import { LambdamaxError } from '../../../errors.ts';

/** Texts and numbers of JSON. */
const literals = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/** Stands before the literal of a number that is looked for. */
const mark = '\u0000number ';

/** The fields of a row that a chat template prints by `tojson`, numbers and all. */
const printed = ['tools', 'documents', 'chat_template_kwargs'];
const conversations = ['messages', 'conversations', 'prompt', 'completion'];

/**
 * Throws a LambdamaxError where a chat template would print a number of a row otherwise than Python does: 1.0, which Python keeps
 * apart from 1, 1e-07, or a whole number beyond 2^53. `text` is the row's JSON, `subject` what errors call it.
 */
export function requirePythonNumbers(text: string, subject: string): void {
  if (!/"(?:tools|documents|chat_template_kwargs|tool_calls)"/.test(text)) return;
  const row = marked(text) as Record<string, unknown> | null;
  if (row === null || !conversations.some((field) => Array.isArray(row[field]))) return;
  for (const field of printed) refuseMarked(row[field], `${field} of ${subject}`);
  for (const field of conversations)
    for (const message of Array.isArray(row[field]) ? (row[field] as unknown[]) : [])
      refuseMarked((message as { readonly tool_calls?: unknown } | null)?.tool_calls, `tool_calls of ${subject}`);
}

/** Throws as `requirePythonNumbers` for a value that is stored as JSON text. */
export function requirePythonNumbersIn(json: string, subject: string): void {
  refuseMarked(marked(json), subject);
}

/** The value of a JSON text in which a text stands for each number that Python prints otherwise; null if there is none. */
function marked(text: string): unknown {
  let isFound = false;
  const other = text.replace(literals, (literal) => {
    if (literal.startsWith('"') || isPrintedAlike(literal)) return literal;
    isFound = true;
    return JSON.stringify(mark + literal);
  });
  return isFound ? (JSON.parse(other) as unknown) : null;
}

/** Python's `repr` takes exponents from 1e16 on and below 1e-4, and writes a float that is whole as 1.0. */
function isPrintedAlike(literal: string): boolean {
  const value = Number(literal);
  if (/^-?\d+$/.test(literal)) return Number.isSafeInteger(value);
  return !Number.isInteger(value) && Math.abs(value) >= 1e-4 && Math.abs(value) < 1e16;
}

function refuseMarked(value: unknown, subject: string): void {
  if (typeof value === 'string' && value.startsWith(mark))
    throw new LambdamaxError({
      subject,
      expected: 'numbers that Python and JavaScript write alike',
      got: value.slice(mark.length),
      remedy:
        'a chat template would see it otherwise than in training by Python: write 1 for 1.0, or the number as a text',
    });
  if (typeof value !== 'object' || value === null) return;
  for (const inner of Object.values(value)) refuseMarked(inner, subject);
}
