import { type Graph, type Node, nodesOf } from './node.ts';

/**
 * The graph in Graphviz's language, to be drawn by `dot -Tsvg`: a box for each node with its kernel and shape, values that
 * come from outside as ellipses, outputs as arrows to their names.
 */
export function dot(graph: Graph): string {
  const nodes = nodesOf(graph);
  const numbers = new Map(nodes.map((node, index) => [node, index]));
  const lines = nodes.flatMap((node) => [
    `  ${numbers.get(node)} [label=${quoted(label(node))}${isFromOutside(node) ? ', shape=ellipse' : ''}];`,
    ...node.inputs.map((input) => `  ${numbers.get(input)} -> ${numbers.get(node)};`),
  ]);
  const outputs = [...graph.outputs].flatMap(([name, node], index) => [
    `  out${index} [label=${quoted(name)}, shape=plaintext];`,
    `  ${numbers.get(node)} -> out${index};`,
  ]);
  return ['digraph {', '  node [shape=box];', ...lines, ...outputs, '}'].join('\n');
}

function label(node: Node): string {
  const shape = `${node.dtype === 'float32' ? '' : node.dtype}[${node.shape.join(',')}]`;
  if (isFromOutside(node)) return `${node.attributes.name}\n${shape}`;
  return node.kernel === 'Fill' ? `${node.attributes.value}\n${shape}` : `${node.kernel}\n${shape}`;
}

function isFromOutside(node: Node): node is Extract<Node, { kernel: 'Placeholder' | 'Weight' }> {
  return node.kernel === 'Placeholder' || node.kernel === 'Weight';
}

/** A double-quoted string of Graphviz; a line break within is written \n. */
function quoted(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`;
}
