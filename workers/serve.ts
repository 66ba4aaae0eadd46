// The work of a worker process: it loads the module that it is told to, and answers one task at a time.
import { parentPort } from 'node:worker_threads';
import { LambdamaxError } from '../errors.ts';
import { type Answer, failureOf, type Order } from './messages.ts';
import type { CreateWorker, Worker } from './workerProcess.ts';

let worker: Worker<unknown, unknown, unknown> | undefined;

parentPort!.on('message', async (order: Order) => {
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
  parentPort!.postMessage(message);
}
