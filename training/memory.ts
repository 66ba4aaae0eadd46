import type { Adapter } from './adapters/create.ts';

/** Memory that this process can still take, in bytes: the machine's, or what a container leaves of it. */
export function freeBytes(): number {
  return process.availableMemory();
}

/** Memory that this process has, in bytes. */
export function residentBytes(): number {
  return process.memoryUsage.rss();
}

/** What a process takes before it reads a weight, in bytes: Node, ONNX Runtime and the code. */
export const bareBytes = 170e6;

/** The bytes of a graph's weights that no adapter brings, and so are read from the checkpoint when the graph is compiled. */
export function unreadBytes(weightBytes: number, adapter: Pick<Adapter, 'weights'> | undefined): number {
  const brought = [...(adapter?.weights.values() ?? [])].reduce((sum, { byteLength }) => sum + byteLength, 0);
  return Math.max(0, weightBytes - brought);
}
