import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { nodesOf } from '../../compute/graph/node.ts';
import { inExecutionOrder } from '../../compute/onnx/executionOrder.ts';
import type { OnnxNode } from '../../compute/onnx/schema.ts';
import { randomLoss } from '../cases/randomGraphs.ts';

const node = (output: string, ...input: string[]): OnnxNode => ({
  op_type: 'Add',
  input,
  output: [output],
  attribute: [],
});

/** The nodes of a random graph, each as one ONNX node, as they were recorded. */
const recorded = (seed: number): OnnxNode[] =>
  nodesOf(randomLoss(seed, 60).recording).map(({ id, inputs }) =>
    node(`${id}`, ...inputs.map((input) => `${input.id}`)),
  );

/** The order in which ONNX Runtime executes a model's nodes: depth first from those that none uses, the last of the list first. */
function executed(nodes: readonly OnnxNode[]): OnnxNode[] {
  const used = new Set(nodes.flatMap(({ input }) => input));
  const made = new Map(nodes.map((one) => [one.output[0]!, one]));
  const place = new Map(nodes.map((one, index) => [one, index]));
  const done = new Set<OnnxNode>();
  const visit = (one: OnnxNode): void => {
    if (done.has(one)) return;
    const needed = one.input.flatMap((name) => made.get(name) ?? []);
    for (const before of needed.sort((a, b) => place.get(b)! - place.get(a)!)) visit(before);
    done.add(one);
  };
  for (const last of nodes.filter(({ output }) => !used.has(output[0]!)).reverse()) visit(last);
  return [...done];
}

/** The most results that are held at once, when each goes after its last use; what nobody uses stays. */
function mostHeld(nodes: readonly OnnxNode[]): number {
  const lastUse = new Map<string, number>();
  const made = new Set(nodes.map(({ output }) => output[0]!));
  for (const [at, { input }] of nodes.entries()) for (const name of input) if (made.has(name)) lastUse.set(name, at);
  let [held, most] = [0, 0];
  for (const [at, { input }] of nodes.entries()) {
    most = Math.max(most, ++held);
    for (const name of new Set(input)) if (lastUse.get(name) === at) held--;
  }
  return most;
}

test('every node is there once, and those that no other uses come last', () => {
  for (let seed = 0; seed < 20; seed++) {
    const before = recorded(seed);
    const after = inExecutionOrder(before);
    assert.equal(new Set(after), new Set(before));
    assert.is(after.length, before.length);
    const used = new Set(before.flatMap(({ input }) => input));
    const firstUnused = after.findIndex(({ output }) => !used.has(output[0]!));
    assert.ok(after.slice(firstUnused).every(({ output }) => !used.has(output[0]!)));
  }
});

test('what a chain of steps leaves behind is made step by step, and its steps are not held for it', () => {
  const numbers = Array.from({ length: 50 }, (_, step) => step);
  const steps = numbers.flatMap((step) => [node(`a${step}`, `x${step}`), node(`x${step + 1}`, `x${step}`, `a${step}`)]);
  const results = numbers.map((step) => node(`result ${step}`, `x${step + 1}`, `a${step}`));
  // A step's two values besides the results so far.
  assert.ok(mostHeld(executed(inExecutionOrder([...steps, ...results]))) <= results.length + 2);
  assert.ok(mostHeld(executed([...steps, ...results])) >= 2 * results.length);
});

test.run();
