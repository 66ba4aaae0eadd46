import { LambdamaxError } from '../../errors.ts';
import { sizeOf } from '../tensors.ts';
import { type Graph, type Node, nodesOf } from './node.ts';
import { inferType, sameShape } from './shapes.ts';

/**
 * Verifies a graph after a pass has rewritten it: inputs come before users, shapes and dtypes are what the kernels give,
 * a placeholder's name belongs to one placeholder. Throws a LambdamaxError: a fault of ours, not of the caller.
 */
export function check(graph: Graph): void {
  const placeholders = new Map<string, Node>();
  for (const node of nodesOf(graph)) {
    for (const input of node.inputs) if (!(input.id < node.id)) throw fault(node, 'inputs that come before it');
    if (node.kernel === 'Placeholder') {
      const other = placeholders.get(node.attributes.name);
      if (other !== undefined && other !== node) throw fault(node, `one placeholder named ${node.attributes.name}`);
      placeholders.set(node.attributes.name, node);
    }
    checkType(node);
  }
}

function checkType(node: Node): void {
  if (node.kernel === 'Placeholder' || node.kernel === 'Weight' || node.kernel === 'Fill') return;
  if (node.kernel === 'Constant') {
    if (node.attributes.values.length !== sizeOf(node.shape)) throw fault(node, `${sizeOf(node.shape)} values`);
    return;
  }
  // The union of kernels cannot be followed through the table of rules; every rule takes its own node's attributes.
  const expected = inferType(node.kernel, node.inputs, node.attributes as never);
  if (!sameShape(expected.shape, node.shape) || expected.dtype !== node.dtype)
    throw fault(node, `${expected.dtype} [${expected.shape}]`);
  if (node.kernel === 'Reshape' && sizeOf(node.shape) !== sizeOf(node.inputs[0]!.shape))
    throw fault(node, `${sizeOf(node.inputs[0]!.shape)} entries`);
}

function fault(node: Node, expected: string): LambdamaxError {
  return new LambdamaxError({
    subject: `internal: graph node ${node.id} (${node.kernel})`,
    expected,
    got: `${node.dtype} [${node.shape}]`,
    remedy: 'please report this with the model code',
  });
}
