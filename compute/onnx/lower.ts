import { type Graph, type Node, nodesOf } from '../graph/node.ts';
import type { Precision } from '../tensors.ts';
import { Emitter } from './emitter.ts';
import { inExecutionOrder } from './executionOrder.ts';
import { type EmitRule, emitRules, onnxType } from './kernels.ts';
import { encodeModel, type OnnxValue } from './schema.ts';

/** What each run of a graph takes, by name: placeholders and weights. */
export function inputsOf(graph: Graph): Map<string, Node> {
  return new Map(
    nodesOf(graph).flatMap((node) =>
      node.kernel === 'Placeholder' || node.kernel === 'Weight' ? [[node.attributes.name, node] as const] : [],
    ),
  );
}

/**
 * The bytes of the graph as an ONNX model in one precision. What the graph calls NAME, a weight or a placeholder, is taken as
 * `inputName(NAME)`, and an output comes back as `outputName(NAME)`.
 */
export function lower(graph: Graph, precision: Precision): Uint8Array {
  const emitter = new Emitter(precision);
  const names = new Map<Node, string>();
  // Computed under its output's own name: copied to that, what a linearised curvature keeps would be there twice for a while.
  const outputs = new Map([...graph.outputs].map(([name, node]) => [node, outputName(name)]));

  for (const node of nodesOf(graph)) {
    if (node.kernel === 'Placeholder' || node.kernel === 'Weight') {
      names.set(node, inputName(node.attributes.name));
    } else {
      const output = outputs.get(node) ?? `n${node.id}`;
      const operands = node.inputs.map((input) => names.get(input)!);
      // The table's rule for a kernel takes exactly that kernel's nodes; the union hides it.
      (emitRules[node.kernel] as EmitRule<never>)(emitter, node as never, operands, output);
      names.set(node, output);
    }
  }
  // Inputs that are outputs too, and all but one of several outputs of one node, have to be copied.
  for (const [name, node] of graph.outputs)
    if (names.get(node) !== outputName(name)) emitter.node('Identity', [names.get(node)!], outputName(name));

  const value = (name: string, node: Node): OnnxValue => ({
    name,
    shape: node.shape,
    elementType: onnxType(node, emitter),
  });
  return encodeModel({
    nodes: inExecutionOrder(emitter.nodes),
    initializers: emitter.initializers,
    inputs: [...inputsOf(graph)].map(([name, node]) => value(inputName(name), node)),
    outputs: [...graph.outputs].map(([name, node]) => value(outputName(name), node)),
  });
}

/** Inputs and outputs have prefixes, so that a parameter may have any name, and be returned under it. */
export function inputName(name: string): string {
  return `in: ${name}`;
}

/** See `inputName`. */
export function outputName(name: string): string {
  return `out: ${name}`;
}
