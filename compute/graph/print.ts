import { type Graph, type Node, nodesOf } from './node.ts';

/**
 * The graph as text, a line per node, numbered in order of use: `%2 = BatchMatMul(%0, %1) transposeB=true : [4,8]`.
 * Made for tests that compare it and for eyes.
 */
export function print(graph: Graph): string {
  const nodes = nodesOf(graph);
  const numbers = new Map(nodes.map((node, index) => [node, index]));
  const lines = nodes.map((node) => {
    const inputs = node.inputs.map((input) => `%${numbers.get(input)}`).join(', ');
    return [`%${numbers.get(node)} = ${node.kernel}(${inputs})`, ...printAttributes(node), ':', printType(node)].join(
      ' ',
    );
  });
  const results = [...graph.outputs].map(([name, node]) => `${name} = %${numbers.get(node)}`);
  return [...lines, `return ${results.join(', ')}`].join('\n');
}

function printAttributes(node: Node): string[] {
  return (
    Object.entries(node.attributes)
      // The shape stands at the end of the line.
      .filter(([name, value]) => value !== false && name !== 'shape')
      .map(([name, value]) => `${name}=${printValue(value)}`)
  );
}

function printValue(value: unknown): string {
  if (ArrayBuffer.isView(value)) return '...';
  // JSON has neither NaN nor infinity.
  return typeof value === 'number' ? String(value) : JSON.stringify(value);
}

function printType({ shape, dtype }: Node): string {
  return `${dtype === 'float32' ? '' : dtype}[${shape.join(',')}]`;
}
