// What Python makes of the values of a template, where JavaScript would make something else.

/** A value while a template is rendered: `StringValue`, `ArrayValue` and so on, and what it holds. */
export interface Value {
  readonly type: string;
  readonly value: unknown;
  toString(): string;
}

/** Whether Python can compute with it; True is 1. */
export const isNumber = ({ type }: Value): boolean =>
  type === 'IntegerValue' || type === 'FloatValue' || type === 'BooleanValue';

/** What can be added to each other has one kind. */
export const kindOf = (value: Value): string =>
  isNumber(value) ? 'number' : value.type === 'TupleValue' ? 'ArrayValue' : value.type;

/** `str.capitalize`. */
export function capitalised(text: string): string {
  const [first = '', ...rest] = text;
  return first.toUpperCase() + rest.join('').toLowerCase();
}

/** `len`, of a text in characters. Throws an Error for what has none. */
export function lengthOf(value: Value): number {
  if (value.type === 'StringValue') return [...(value.value as string)].length;
  if (value.type === 'UndefinedValue') return 0;
  if (value.type === 'ObjectValue') return (value.value as Map<string, Value>).size;
  if (kindOf(value) === 'ArrayValue') return (value.value as Value[]).length;
  throw new Error(`${value.type} has no length`);
}

/** Python's white space is Unicode's, and four separators of ASCII. */
const isSpace = (character: string): boolean =>
  /[\s\u0085]/.test(character) ? character !== '\uFEFF' : character >= '\u001c' && character <= '\u001f';

/** `str.strip`: white space as Python has it, or any of some characters. */
export function strip(text: string, characters: string | undefined, side: 'both' | 'left' | 'right'): string {
  const isStripped = (character: string): boolean =>
    characters === undefined ? isSpace(character) : characters.includes(character);
  const all = [...text];
  let [start, end] = [0, all.length];
  while (side !== 'right' && start < end && isStripped(all[start]!)) start++;
  while (side !== 'left' && end > start && isStripped(all[end - 1]!)) end--;
  return all.slice(start, end).join('');
}

/** `==`. */
export function areEqual(left: Value, right: Value): boolean {
  if (isNumber(left) && isNumber(right)) return Number(left.value) === Number(right.value);
  if (kindOf(left) !== kindOf(right)) return false;
  if (kindOf(left) === 'ArrayValue') {
    const [a, b] = [left.value as Value[], right.value as Value[]];
    return left.type === right.type && a.length === b.length && a.every((item, index) => areEqual(item, b[index]!));
  }
  if (left.type === 'ObjectValue') {
    const [a, b] = [left.value, right.value] as [Map<string, Value>, Map<string, Value>];
    return a.size === b.size && [...a].every(([key, item]) => b.has(key) && areEqual(item, b.get(key)!));
  }
  return left.type === 'NullValue' || left.type === 'UndefinedValue' || left.value === right.value;
}

/** `in`. Throws an Error for what holds nothing. */
export function contains(container: Value, value: Value): boolean {
  if (container.type === 'UndefinedValue') return false;
  if (kindOf(container) === 'ArrayValue') return (container.value as Value[]).some((item) => areEqual(item, value));
  if (container.type === 'ObjectValue')
    return value.type === 'StringValue' && (container.value as Map<string, Value>).has(value.value as string);
  if (container.type === 'StringValue' && value.type === 'StringValue')
    return (container.value as string).includes(value.value as string);
  throw new Error(`${value.type} cannot be looked for in ${container.type}`);
}

/** Python's `str`. */
export function written(value: Value): string {
  return value.type === 'StringValue'
    ? (value.value as string)
    : value.type === 'UndefinedValue'
      ? ''
      : represented(value);
}

/** Python's `repr`. */
function represented(value: Value): string {
  const items = () => (value.value as Value[]).map(represented);
  switch (value.type) {
    case 'StringValue':
      return quoted(value.value as string);
    case 'NullValue':
      return 'None';
    case 'BooleanValue':
      return value.value ? 'True' : 'False';
    case 'ArrayValue':
      return `[${items().join(', ')}]`;
    case 'TupleValue':
      return `(${items().join(', ')}${items().length === 1 ? ',' : ''})`;
    case 'ObjectValue': {
      const entries = [...(value.value as Map<string, Value>)];
      return `{${entries.map(([key, item]) => `${quoted(key)}: ${represented(item)}`).join(', ')}}`;
    }
    case 'IntegerValue':
    case 'FloatValue':
      return value.toString();
    default:
      throw new Error(`a value of the type ${value.type} cannot be written`);
  }
}

/** A text in Python's quotation marks; what Unicode cannot print is escaped, as Python does. */
function quoted(text: string): string {
  const mark = text.includes("'") && !text.includes('"') ? '"' : "'";
  const short: Readonly<Record<string, string>> = {
    '\\': '\\\\',
    '\n': '\\n',
    '\r': '\\r',
    '\t': '\\t',
    [mark]: `\\${mark}`,
  };
  const escaped = text.replace(/[\\'"]|(?! )[\p{C}\p{Z}]/gu, (character) => {
    if (character === '"' || character === "'" ? character !== mark : false) return character;
    const code = character.codePointAt(0)!;
    const hex = code.toString(16);
    return (
      short[character] ??
      (code < 256
        ? `\\x${hex.padStart(2, '0')}`
        : code < 65536
          ? `\\u${hex.padStart(4, '0')}`
          : `\\U${hex.padStart(8, '0')}`)
    );
  });
  return mark + escaped + mark;
}
