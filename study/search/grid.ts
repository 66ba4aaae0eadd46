import { createRequire } from 'node:module';
import type { FunctionNode, MathJsInstance, MathNode, OperatorNode, SymbolNode } from 'mathjs';
import { ArgumentError } from '../../errors.ts';

/** More rates than any sweep could afford: a slip such as `range(0,1,1e-9)` ends here and not in memory. */
const mostRates = 200;

/** Longer texts are not grids, and the parser recurses over them. */
const longestExpression = 8000;

const examples = 'learning rates such as 1e-5,2e-5 or logspace(1e-5,1e-2,13) or auto';

// All of mathjs in one file: its modules one by one take a second to load, and what a grid may use is listed below.
const math = createRequire(import.meta.url)('mathjs/lib/browser/math.js') as MathJsInstance;

const operators = new Set(['+', '-', '*', '/', '^', '.*', './', '.^']);
const functions = new Map<string, (...values: number[]) => unknown>([
  ['exp', (...values) => Math.exp(theOnly(values))],
  ['logspace', logspace],
  ['range', range],
  ['sqrt', (...values) => Math.sqrt(theOnly(values))],
]);

/**
 * The learning rates that an expression stands for: single rates and lists (`1e-5,2e-5`), `logspace(first, last, count)`
 * (both ends included), `range(start, end, step)` (mathjs's: the end is excluded), and arithmetic on them (`10.^range(-5,-2,0.5)`).
 * Ascending, without repetitions, each positive and finite. The word `auto` comes back as it is.
 * @throws ArgumentError naming `field` and what is wrong.
 */
export function parseGrid(expression: string, field = 'learningRate'): number[] | 'auto' {
  const text = expression.trim();
  if (text === 'auto') return 'auto';
  const refuse = (got: unknown, remedy?: string): never => {
    throw new ArgumentError({ subject: field, expected: examples, got, ...(remedy === undefined ? {} : { remedy }) });
  };
  if (text === '') refuse('nothing');
  if (text.length > longestExpression) refuse(`${text.length} characters`);

  let values: unknown[];
  try {
    values = flatten(evaluate(text));
  } catch (error) {
    return refuse(text, error instanceof Error ? error.message : String(error));
  }
  const rates = values.map((value) => {
    // `!(x > 0)` refuses NaN as well.
    if (typeof value !== 'number' || !(value > 0) || !Number.isFinite(value)) {
      return refuse(typeof value === 'number' ? value : text, 'every rate must be a positive, finite number');
    }
    return withoutNoise(value);
  });
  const grid = [...new Set(rates)].sort((a, b) => a - b);
  if (grid.length === 0) refuse(text, 'the grid is empty');
  if (grid.length > mostRates) refuse(`${grid.length} rates`, `at most ${mostRates} fit in one grid`);
  return grid;
}

/** `count` rates from `first` to `last`, both included, the same factor apart. */
export function logspace(first = Number.NaN, last = Number.NaN, count = Number.NaN): number[] {
  if (!(first > 0 && last > 0)) throw new Error('logspace takes its first and last rate themselves, both positive');
  if (!Number.isInteger(count) || !(count >= 1 && count <= mostRates)) {
    throw new Error(`the third argument of logspace is a count from 1 to ${mostRates}`);
  }
  if (count === 1) return [first];
  return Array.from({ length: count }, (_, index) => first * (last / first) ** (index / (count - 1)));
}

/** Evaluated element by element, so that numbers and lists may stand beside one another. */
function evaluate(text: string): unknown[] {
  const list = math.parse(`[${text}]`) as MathNode & { readonly items?: MathNode[] };
  if (list.type !== 'ArrayNode' || list.items === undefined) throw new Error('this is not a list of rates');
  list.traverse(refuseUnlessArithmetic);
  const scope = new Map<string, unknown>(functions);
  return list.items.map((item) => item.compile().evaluate(scope as Map<string, never>));
}

/** An allow-list: whatever else the expression language has (assignments, properties, strings, its other functions) is refused. */
function refuseUnlessArithmetic(node: MathNode, path: string): void {
  switch (node.type) {
    case 'ArrayNode':
    case 'ParenthesisNode':
      return;
    case 'ConstantNode': {
      const { value } = node as MathNode & { readonly value: unknown };
      if (typeof value === 'number') return;
      throw new Error(`${JSON.stringify(value)} is not a number`);
    }
    case 'OperatorNode': {
      const { op } = node as OperatorNode;
      if (operators.has(op)) return;
      throw new Error(`there is no operator ${op} in a grid`);
    }
    case 'FunctionNode': {
      const { fn } = node as FunctionNode & { readonly fn: MathNode };
      if (fn.type === 'SymbolNode' && functions.has((fn as SymbolNode).name)) return;
      throw new Error(`the functions of a grid are ${[...functions.keys()].join(', ')}`);
    }
    case 'SymbolNode':
      if (path === 'fn' && functions.has((node as SymbolNode).name)) return;
      throw new Error(`${(node as SymbolNode).name} is not a number`);
    default:
      throw new Error(`a grid has no ${node.type.replace(/Node$/, '').toLowerCase()}`);
  }
}

function range(start = Number.NaN, end = Number.NaN, step = 1): unknown {
  // Counted before it is made: a tiny step would fill the memory.
  if (!((end - start) / step <= mostRates)) {
    throw new Error(`range takes start, end and step, of at most ${mostRates} rates`);
  }
  return math.range(start, end, step);
}

function theOnly(values: readonly number[]): number {
  if (values.length !== 1) throw new Error('exp and sqrt take one number');
  return values[0]!;
}

function flatten(value: unknown): unknown[] {
  const list = isMatrix(value) ? value.toArray() : value;
  return Array.isArray(list) ? list.flatMap(flatten) : [list];
}

function isMatrix(value: unknown): value is { toArray(): unknown[] } {
  return typeof value === 'object' && value !== null && 'toArray' in value && typeof value.toArray === 'function';
}

/** Twelve digits: logspace's 1.0000000000000003e-4 and a typed 1e-4 are the same rate, and so the same run. */
function withoutNoise(rate: number): number {
  return Number(rate.toPrecision(12));
}
