import { basename, dirname } from 'node:path';
import { LambdamaxError } from '../../errors.ts';
import { type Graph, type Node, nodesOf } from '../graph/node.ts';
import type { WeightLocation, WeightSource } from '../program.ts';
import type { Precision } from '../tensors.ts';
import { locateWeight } from '../weights.ts';
import { Emitter } from './emitter.ts';
import { type EmitRule, emitRules, onnxType } from './kernels.ts';
import { elementType, encodeModel, type OnnxTensor, type OnnxValue } from './schema.ts';

/** How a graph is lowered. */
export interface LowerOptions {
  readonly precision: Precision;
  /** Where the frozen weights lie; needed if the graph has any. */
  readonly weights?: WeightSource;
  /** Weights that are fed at each run instead of being read from the checkpoint. */
  readonly fed?: ReadonlySet<string>;
}

/** An ONNX model, and what is needed to run it. */
export interface LoweredGraph {
  readonly model: Uint8Array;
  /** What must be fed, by name: placeholders and fed weights. */
  readonly feeds: ReadonlyMap<string, Node>;
  readonly outputs: ReadonlyMap<string, Node>;
  /** The folder of the checkpoint files that the model refers to. */
  readonly weightFolder: string | undefined;
}

/**
 * The graph as an ONNX model. Weights stay where they are: the model refers to their bytes within the checkpoint's own
 * safetensors file (ONNX "external data"), and BF16 or F16 are cast when the session is made. What the graph calls NAME is
 * fed under `inputName(NAME)` and comes back under `outputName(NAME)`. Throws a LambdamaxError that names the weight, or
 * its file, if it is missing, of another shape, or not in one folder with the others.
 */
export function lower(graph: Graph, { precision, weights, fed = new Set() }: LowerOptions): LoweredGraph {
  const emitter = new Emitter(precision);
  const names = new Map<Node, string>();
  const feeds = new Map<string, Node>();
  const folders = new Set<string>();

  for (const node of nodesOf(graph)) {
    if (node.kernel === 'Placeholder' || (node.kernel === 'Weight' && fed.has(node.attributes.name))) {
      names.set(node, inputName(node.attributes.name));
      feeds.set(node.attributes.name, node);
    } else if (node.kernel === 'Weight') {
      const location = locateWeight({ name: node.attributes.name, shape: node.shape }, weights);
      folders.add(dirname(location.file));
      names.set(node, emitWeight(emitter, node, location));
    } else {
      const output = `n${node.id}`;
      const inputs = node.inputs.map((input) => names.get(input)!);
      // The table's rule for a kernel takes exactly that kernel's nodes; the union hides it.
      (emitRules[node.kernel] as EmitRule<never>)(emitter, node as never, inputs, output);
      names.set(node, output);
    }
  }
  for (const [name, node] of graph.outputs) emitter.node('Identity', [names.get(node)!], outputName(name));
  if (folders.size > 1)
    throw new LambdamaxError({
      subject: 'checkpoint',
      expected: 'all weight files in one folder',
      got: [...folders],
      remedy: 'copy them into one folder, or link all of them from one',
    });

  const value = (name: string, node: Node): OnnxValue => ({
    name,
    shape: node.shape,
    elementType: onnxType(node, emitter),
  });
  const model = encodeModel({
    nodes: emitter.nodes,
    initializers: emitter.initializers,
    inputs: [...feeds].map(([name, node]) => value(inputName(name), node)),
    outputs: [...graph.outputs].map(([name, node]) => value(outputName(name), node)),
  });
  return { model, feeds, outputs: graph.outputs, weightFolder: [...folders][0] };
}

/** Feeds and outputs have prefixes, so that a parameter may have any name, and be returned under it. */
export function inputName(name: string): string {
  return `in: ${name}`;
}

/** See `inputName`. */
export function outputName(name: string): string {
  return `out: ${name}`;
}

function emitWeight(emitter: Emitter, node: Extract<Node, { kernel: 'Weight' }>, location: WeightLocation): string {
  const stored = { F32: elementType.float32, F64: elementType.float64, F16: elementType.F16, BF16: elementType.BF16 }[
    location.dtype
  ];
  const initializer: OnnxTensor = {
    name: `weight ${node.attributes.name}`,
    dims: location.shape,
    data_type: stored,
    data_location: 1,
    external_data: [
      { key: 'location', value: basename(location.file) },
      { key: 'offset', value: String(location.offset) },
      { key: 'length', value: String(location.bytes) },
    ],
  };
  emitter.initializers.push(initializer);
  const wanted = onnxType(node, emitter);
  return stored === wanted ? initializer.name : emitter.value('Cast', [initializer.name], { to: wanted });
}
