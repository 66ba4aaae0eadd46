import { type ConstantValues, type Graph, type Node, nodesOf } from './node.ts';

/** A node as it is written: inputs are places in the list of all nodes, numbers of a constant are bytes in base 64. */
type WrittenNode = readonly [
  id: number,
  kernel: Node['kernel'],
  inputs: readonly number[],
  attributes: object,
  shape: readonly number[],
  dtype: Node['dtype'],
];

interface WrittenGraph {
  readonly nodes: readonly WrittenNode[];
  /** Each output's name and the place of its node. */
  readonly outputs: readonly (readonly [string, number])[];
}

/** The classes of constants' values, by the names that they are written under. */
const classes = { Float32Array, Float64Array, Int32Array, Uint8Array };

interface WrittenValues {
  readonly class: keyof typeof classes;
  readonly bytes: string;
}

/** A graph as text, exact to the last bit of every number, -0 and NaN included. Equal graphs give equal texts. */
export function serialiseGraph(graph: Graph): string {
  const nodes = nodesOf(graph);
  const places = new Map(nodes.map((node, place) => [node, place]));
  const written: WrittenGraph = {
    nodes: nodes.map((node) => {
      const inputs = node.inputs.map((input) => places.get(input)!);
      return [node.id, node.kernel, inputs, writtenAttributes(node), node.shape, node.dtype];
    }),
    outputs: [...graph.outputs].map(([name, node]) => [name, places.get(node)!]),
  };
  return JSON.stringify(written);
}

/** The graph that {@link serialiseGraph} wrote. Anything else is an error. */
export function deserialiseGraph(text: string): Graph {
  const { nodes, outputs } = JSON.parse(text) as WrittenGraph;
  const restored: Node[] = [];
  // Inputs come before their users.
  for (const [id, kernel, inputs, attributes, shape, dtype] of nodes)
    restored.push({
      id,
      kernel,
      inputs: inputs.map((place) => restored[place]!),
      attributes: restoredAttributes(kernel, attributes),
      shape,
      dtype,
    } as Node);
  return { outputs: new Map(outputs.map(([name, place]) => [name, restored[place]!])) };
}

function writtenAttributes(node: Node): object {
  // JSON has no -0, no NaN and no infinity.
  if (node.kernel === 'Fill') return { value: writtenValues(Float64Array.of(node.attributes.value)) };
  if (node.kernel === 'Constant') return { values: writtenValues(node.attributes.values) };
  return node.attributes;
}

function restoredAttributes(kernel: Node['kernel'], written: object): object {
  if (kernel === 'Fill') return { value: restoredValues((written as { value: WrittenValues }).value)[0]! };
  if (kernel === 'Constant') return { values: restoredValues((written as { values: WrittenValues }).values) };
  return written;
}

function writtenValues(values: ConstantValues): WrittenValues {
  const bytes = Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString('base64');
  return { class: values.constructor.name as WrittenValues['class'], bytes };
}

function restoredValues({ class: name, bytes }: WrittenValues): ConstantValues {
  // In memory of their own: a small buffer of Node's may begin anywhere.
  return new classes[name](new Uint8Array(Buffer.from(bytes, 'base64')).buffer);
}
