import { Environment, Interpreter, parse, tokenize } from '@huggingface/jinja';
import {
  areEqual,
  capitalised,
  contains,
  isNumber,
  kindOf,
  lengthOf,
  strip,
  type Value,
  written,
} from './pythonValues.ts';

// The library's own types are lost on the way here: its declarations leave out the extensions of the files they name.

/** A node of a parsed template. */
type Node = Readonly<Record<string, unknown>> & { readonly type: string };

/** The variables of a template, by name. */
interface Scope {
  set(name: string, value: unknown): unknown;
}

const LibraryScope = Environment as new () => Scope;
const LibraryInterpreter = Interpreter as new () => { evaluate(node: Node | undefined, scope: Scope): Value };

/** What a template writes: its text, and in it what stands between `{% generation %}` and `{% endgeneration %}`. */
export interface Rendering {
  readonly text: string;
  /** In UTF-16 units, ends exclusive; what the assistant wrote, where a template says it. */
  readonly generations: readonly (readonly [start: number, end: number])[];
}

// Unicode's noncharacters, which no text holds.
const [opening, closing] = ['\uFDD0', '\uFDD1'];

/**
 * A Jinja template as transformers renders it: blocks trimmed on both sides, `{% generation %}`, `break` and `continue`,
 * `raise_exception` and `strftime_now`, and values written as Python writes them. The function throws an Error for a template
 * that is broken, that refuses the values, or that asks for what is not known here.
 */
export function compileTemplate(source: string): (variables: Readonly<Record<string, unknown>>) => Rendering {
  // Jinja writes every line end as \n. The tag becomes a statement that is trimmed as every other.
  const marked = source
    .replace(/\r\n?/g, '\n')
    .replace(/\{%(-?)\s*(end)?generation\s*(-?)%\}/g, (_, left: string, end: string | undefined, right: string) => {
      return `{%${left} set ${generationVariable} = ${end === undefined} ${right}%}`;
    });
  const program = parse(tokenize(marked, { lstrip_blocks: true, trim_blocks: true })) as unknown as Node;
  const interpreter = new PythonInterpreter(placesOf(program));
  return (variables) => {
    const scope = new LibraryScope();
    for (const [name, value] of Object.entries({ ...globals, ...variables })) scope.set(name, value);
    return withoutMarks(String(interpreter.evaluate(program, scope).value));
  };
}

const generationVariable = '__generation__';

function withoutMarks(marked: string): Rendering {
  const generations: [number, number][] = [];
  let text = '';
  let start = 0;
  for (const part of marked.split(new RegExp(`(${opening}|${closing})`))) {
    if (part === opening) start = text.length;
    else if (part === closing) generations.push([start, text.length]);
    else text += part;
  }
  return { text, generations };
}

const globals: Readonly<Record<string, unknown>> = {
  ...{ true: true, True: true, false: false, False: false, none: null, None: null },
  raise_exception: (message: unknown) => {
    throw new Error(String(message));
  },
  range: (...limits: number[]) => {
    const [start, stop, step = 1] = limits.length === 1 ? [0, limits[0]!] : (limits as [number, number, number?]);
    const count = Math.max(0, Math.ceil((stop - start) / step));
    return Array.from({ length: count }, (_, index) => start + index * step);
  },
  strftime_now: (format: string) => formatDate(new Date(), format),
};

/** Python's `strftime`, of what templates write a date with. Throws an Error for any other directive. */
function formatDate(date: Date, format: string): string {
  const name = (part: Intl.DateTimeFormatOptions) => new Intl.DateTimeFormat('en-US', part).format(date);
  const two = (value: number) => String(value).padStart(2, '0');
  const parts: Readonly<Record<string, () => string>> = {
    '%Y': () => String(date.getFullYear()),
    '%m': () => two(date.getMonth() + 1),
    '%d': () => two(date.getDate()),
    '%-d': () => String(date.getDate()),
    '%b': () => name({ month: 'short' }),
    '%B': () => name({ month: 'long' }),
    '%a': () => name({ weekday: 'short' }),
    '%A': () => name({ weekday: 'long' }),
    '%H': () => two(date.getHours()),
    '%M': () => two(date.getMinutes()),
    '%S': () => two(date.getSeconds()),
    '%%': () => '%',
  };
  return format.replace(/%-?./g, (directive) => {
    const write = parts[directive];
    if (write === undefined) throw new Error(`strftime_now with ${directive} is not known`);
    return write();
  });
}

/** Where a node stands that writes its value: in a block. */
interface Place {
  readonly isFirst: boolean;
  readonly isLast: boolean;
  /** Whether the block is the body of a loop. */
  readonly inLoop: boolean;
}

/** The nodes that stand in blocks. */
function placesOf(program: Node): ReadonlyMap<unknown, Place> {
  const found = new Map<unknown, Place>();
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    for (const [field, inner] of Object.entries(value)) {
      const isBlock = field === 'body' || field === 'alternate' || field === 'defaultBlock';
      const inLoop = field === 'body' && (value as Node).type === 'For';
      if (!Array.isArray(inner)) visit(inner);
      else
        inner.forEach((one, index) => {
          if (isBlock) found.set(one, { isFirst: index === 0, isLast: index === inner.length - 1, inLoop });
          visit(one);
        });
    }
  };
  visit(program);
  return found;
}

/**
 * The library's interpreter with the values of Python where it has those of JavaScript: `None`, `True` and lists as they are
 * written, what equals what, what can be added, lengths in characters, attributes of what is not defined.
 */
class PythonInterpreter extends LibraryInterpreter {
  private readonly places: ReadonlyMap<unknown, Place>;
  /** The blocks that are being written, the innermost last: what each has so far. */
  private readonly blocks: { text: string; readonly inLoop: boolean }[] = [];

  constructor(places: ReadonlyMap<unknown, Place>) {
    super();
    this.places = places;
  }

  override evaluate(node: Node | undefined, scope: Scope): Value {
    if (node === undefined) return super.evaluate(node, scope);
    const place = this.places.get(node);
    return place === undefined ? this.compute(node, scope) : this.write(node, place, scope);
  }

  /** The value of a node in a block, as the text that it writes. */
  private write(node: Node, { isFirst, isLast, inLoop }: Place, scope: Scope): Value {
    if (isFirst) this.blocks.push({ text: '', inLoop });
    try {
      const value = this.compute(node, scope);
      const isWritten = value.type !== 'StringValue' && !isSilent.has(node.type);
      const text = isWritten ? this.text(written(value)) : value;
      if (text.type === 'StringValue') this.blocks.at(-1)!.text += text.value as string;
      if (isLast) this.blocks.pop();
      return text;
    } catch (error) {
      this.blocks.pop();
      throw error;
    }
  }

  /** The library drops what an iteration has written before it is left. */
  private refuseLostText(): void {
    const loop = this.blocks.findLastIndex(({ inLoop }) => inLoop);
    if (this.blocks.slice(loop).some(({ text }) => text !== ''))
      throw new Error('text before break or continue in one iteration is not known');
  }

  private compute(node: Node, scope: Scope): Value {
    switch (node.type) {
      case 'Break':
      case 'Continue':
        this.refuseLostText();
        return super.evaluate(node, scope);
      case 'Computed':
        return node.value as Value;
      case 'Set':
        return this.set(node, scope);
      case 'BinaryExpression':
        return this.binary(node, scope);
      case 'FilterExpression':
        return this.filter(node, scope);
      case 'TestExpression':
        return this.test(node, scope);
      case 'MemberExpression':
        return this.member(node, scope);
      case 'CallExpression':
        return this.call(node, scope);
      default:
        return super.evaluate(node, scope);
    }
  }

  private literal(type: string, value: unknown): Value {
    return super.evaluate({ type, value }, new LibraryScope());
  }

  private text(value: string): Value {
    return this.literal('StringLiteral', value);
  }

  private truth(value: boolean): Value {
    const zero = { type: 'IntegerLiteral', value: 0 };
    const operator = { value: value ? '<=' : '<' };
    return super.evaluate({ type: 'BinaryExpression', operator, left: zero, right: zero }, new LibraryScope());
  }

  private set(node: Node, scope: Scope): Value {
    const { assignee, value } = node as unknown as { assignee: { value: unknown }; value: { value: unknown } };
    if (assignee.value !== generationVariable) return super.evaluate(node, scope);
    return this.text(value.value === 'true' ? opening! : closing!);
  }

  private binary(node: Node, scope: Scope): Value {
    const operator = (node.operator as { value: string }).value;
    if (operator === 'and' || operator === 'or') return super.evaluate(node, scope);
    const left = this.evaluate(node.left as Node, scope);
    const right = this.evaluate(node.right as Node, scope);
    if (operator === '~') return this.text(written(left) + written(right));
    if (operator === '==' || operator === '!=') return this.truth(areEqual(left, right) === (operator === '=='));
    if (operator === 'in' || operator === 'not in') return this.truth(contains(right, left) === (operator === 'in'));
    if (operator === '+' && kindOf(left) !== kindOf(right)) {
      throw new Error(`${left.type} and ${right.type} cannot be added: one of them is no text`);
    }
    if (operator === '%' && isNumber(left) && isNumber(right)) {
      const [a, b] = [Number(left.value), Number(right.value)];
      // Python's remainder has the sign of the divisor.
      return this.literal(
        Number.isInteger(a) && Number.isInteger(b) ? 'IntegerLiteral' : 'FloatLiteral',
        ((a % b) + b) % b,
      );
    }
    const computed = { ...node, left: { type: 'Computed', value: left }, right: { type: 'Computed', value: right } };
    return super.evaluate(computed, scope);
  }

  private filter(node: Node, scope: Scope): Value {
    const operand = this.evaluate(node.operand as Node, scope);
    const filter = node.filter as Node;
    const name = filter.type === 'Identifier' ? filter.value : undefined;
    if (name === 'string') return this.text(written(operand));
    if (name === 'trim') return this.text(strip(written(operand), undefined, 'both'));
    if (name === 'capitalize' && operand.type === 'StringValue') return this.text(capitalised(operand.value as string));
    if (name === 'length' || name === 'count') return this.literal('IntegerLiteral', lengthOf(operand));
    if (name === 'list' && operand.type === 'StringValue')
      return this.literal(
        'ArrayLiteral',
        [...(operand.value as string)].map((value) => ({ type: 'StringLiteral', value })),
      );
    const joined = operand.type === 'ArrayValue' && isNamed(filter, 'join') && this.stringsOf(operand);
    const computed = { ...node, operand: { type: 'Computed', value: joined || operand } };
    return super.evaluate(computed, scope);
  }

  private stringsOf(list: Value): Value {
    const items = (list.value as Value[]).map((item) => ({ type: 'StringLiteral', value: written(item) }));
    return this.literal('ArrayLiteral', items);
  }

  private test(node: Node, scope: Scope): Value {
    if ((node.test as { value: unknown }).value !== 'iterable') return super.evaluate(node, scope);
    const { type } = this.evaluate(node.operand as Node, scope);
    return this.truth(iterables.has(type) !== node.negate);
  }

  private member(node: Node, scope: Scope): Value {
    const object = this.evaluate(node.object as Node, scope);
    if (object.type === 'UndefinedValue') throw new Error(`${sourceOf(node.object as Node)} is not defined`);
    const property = node.property as Node;
    if (object.type === 'StringValue' && node.computed === true && property.type !== 'SliceExpression') {
      const index = this.evaluate(property, scope);
      const character = [...(object.value as string)].at(Number(index.value));
      if (index.type === 'IntegerValue')
        return character === undefined ? super.evaluate(undefined, scope) : this.text(character);
    }
    return super.evaluate({ ...node, object: { type: 'Computed', value: object } }, scope);
  }

  private call(node: Node, scope: Scope): Value {
    const callee = node.callee as Node;
    const method = callee.type === 'MemberExpression' && callee.computed !== true && (callee.property as Node).value;
    if (typeof method !== 'string') return super.evaluate(node, scope);
    const object = this.evaluate(callee.object as Node, scope);
    const side = strippers[method];
    if (object.type === 'StringValue' && side !== undefined) {
      const [characters] = (node.args as Node[]).map((argument) => this.evaluate(argument, scope));
      return this.text(strip(object.value as string, characters?.value as string | undefined, side));
    }
    if (object.type === 'StringValue' && method === 'capitalize') return this.text(capitalised(object.value as string));
    const computed = { ...callee, object: { type: 'Computed', value: object } };
    return super.evaluate({ ...node, callee: computed }, scope);
  }
}

/** Statements that write nothing by themselves, or what they hold. */
const isSilent: ReadonlySet<string> = new Set([
  'Set',
  'If',
  'For',
  'Macro',
  'CallStatement',
  'FilterStatement',
  'Comment',
]);
const iterables: ReadonlySet<string> = new Set([
  'ArrayValue',
  'TupleValue',
  'StringValue',
  'ObjectValue',
  'UndefinedValue',
]);
const strippers: Readonly<Record<string, 'both' | 'left' | 'right'>> = {
  strip: 'both',
  lstrip: 'left',
  rstrip: 'right',
};

const isNamed = (filter: Node, name: string): boolean =>
  filter.value === name || (filter.callee as Node | undefined)?.value === name;

const sourceOf = (node: Node): string =>
  node.type === 'MemberExpression'
    ? `${sourceOf(node.object as Node)}.${sourceOf(node.property as Node)}`
    : String(node.value ?? 'a value');
