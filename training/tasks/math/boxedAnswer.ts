/**
 * What the last `\boxed{...}` of a text holds (or `\boxed x`, up to a dollar sign), braces matched; null if there is none.
 * @see https://github.com/hendrycks/math, `last_boxed_only_string` in modeling/dataset/util.py
 */
export function boxedAnswer(text: string): string | null {
  const bare = '\\boxed ';
  if (text.includes(bare)) return text.split(bare).at(-1)!.split('$')[0]!;
  const start = text.lastIndexOf('\\boxed');
  if (start < 0) return null;
  const open = start + '\\boxed'.length;
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    if (text[at] === '{') depth++;
    if (text[at] === '}' && --depth === 0) return text[open] === '{' ? text.slice(open + 1, at) : null;
  }
  return null;
}

/**
 * Whether two answers are the same once they are written alike; as they stand, if one of them cannot be.
 * @see https://github.com/hendrycks/math, `is_equiv` in modeling/math_equivalence.py
 */
export function sameAnswer(left: string, right: string): boolean {
  const [a, b] = [writtenAlike(left), writtenAlike(right)];
  return a === null || b === null ? left === right : a === b;
}

// In the order of the original; each sees what those before it left.
const replacements: readonly (readonly [from: string, to: string])[] = [
  ['\n', ''],
  // Negative spaces, doubled backslashes, sizes of fractions and of brackets.
  ['\\!', ''],
  ['\\\\', '\\'],
  ['tfrac', 'frac'],
  ['dfrac', 'frac'],
  ['\\left', ''],
  ['\\right', ''],
  // Degrees, dollars.
  ['^{\\circ}', ''],
  ['^\\circ', ''],
  ['\\$', ''],
];

/**
 * An answer of MATH in one of the forms that its authors hold equal: without spaces, units, percent signs or `x =` before it,
 * `.5` and `0.5` and `1/2` as `\frac{1}{2}`, `\sqrt3` as `\sqrt{3}`. Null where theirs raises an exception.
 */
function writtenAlike(answer: string): string | null {
  let text = replacements.reduce((changed, [from, to]) => changed.replaceAll(from, to), answer);
  const units = text.split('\\text{ ');
  if (units.length > 2) return null;
  text = units[0]!.replaceAll('\\%', '').replaceAll('%', '').replaceAll(' .', ' 0.').replaceAll('{.', '{0.');
  if (text === '') return text;
  if (text.startsWith('.')) text = `0${text}`;
  const sides = text.split('=');
  if (sides.length === 2 && sides[0]!.length <= 2) text = sides[1]!;
  const rooted = bracedRoots(text);
  const fractions = rooted === null ? null : bracedFractions(rooted.replaceAll(' ', ''));
  return fractions === null ? null : slashAsFraction(fractions === '0.5' ? '\\frac{1}{2}' : fractions);
}

/** `\sqrt3` as `\sqrt{3}`. */
function bracedRoots(text: string): string | null {
  const [first, ...rest] = text.split('\\sqrt');
  if (rest.includes('')) return null;
  return [first, ...rest.map((part) => (part.startsWith('{') ? part : `{${part[0]}}${part.slice(1)}`))].join('\\sqrt');
}

/** `\frac12` and `\frac1{2}` as `\frac{1}{2}`; all as it is if something is missing. */
function bracedFractions(text: string): string | null {
  const [first, ...rest] = text.split('\\frac');
  const parts = [first!];
  for (const part of rest) {
    if (part === '') return null;
    if (part.length < 2 && part !== '{') return text;
    const [a, b] = part;
    if (a === '{') parts.push(part);
    else parts.push(b === '{' ? `{${a}}${part.slice(1)}` : `{${a}}{${b}}${part.slice(2)}`);
  }
  return parts.join('\\frac');
}

/** `3/4` as `\frac{3}{4}`, where both are whole numbers. */
function slashAsFraction(text: string): string {
  const [, a, b] = /^(0|-?[1-9]\d*)\/(0|-?[1-9]\d*)$/.exec(text) ?? [];
  return a === undefined ? text : `\\frac{${a}}{${b}}`;
}
