// What a process of `WorkerProcess` runs: it loads the module that it is told to, and answers one task at a time.
import { LambdamaxError } from '../../errors.ts';
import { type Answer, failureOf, type Order } from './messages.ts';
import type { CreateWorker, Worker } from './workerProcess.ts';

// The channel closes with the process at its other end, however that one died.
process.on('disconnect', () => process.exit());
if (!process.connected) process.exit();
// Ctrl-C reaches all processes of a terminal; the one that started this one decides what becomes of it.
process.on('SIGINT', () => {});

let worker: Worker<unknown, unknown, unknown> | undefined;

process.on('message', async (order: Order) => {
  try {
    answer({ kind: 'done', result: await carryOut(order) });
  } catch (error) {
    answer({ kind: 'failed', failure: failureOf(error) });
  }
});

async function carryOut(order: Order): Promise<unknown> {
  if (order.kind === 'task') return worker!(order.task, (progress) => answer({ kind: 'progress', progress }));
  const { createWorker } = (await import(order.module)) as { createWorker?: CreateWorker<unknown, unknown, unknown> };
  if (typeof createWorker !== 'function')
    throw new LambdamaxError({
      subject: `module ${order.module}`,
      expected: 'a function createWorker',
      got: typeof createWorker,
    });
  worker = await createWorker(order.setup);
  return undefined;
}

function answer(message: Answer): void {
  process.send!(message);
}
