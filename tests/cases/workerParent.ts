/** Two busy workers and the process that started them, to be killed: `node --import tsx workerParent.ts`. Prints their pids. */
import { WorkerPool } from '../../workers/pool.ts';
import { module, type Result, type Setup, type Task } from './taskWorker.ts';

process.on('SIGINT', () => process.exit(130));
await using pool = await WorkerPool.start<Setup, Task, Result>(2, { module, setup: { factor: 1 } });
const tasks = [1, 2].map(() => pool.run({ kind: 'wait', milliseconds: 60_000 }));
process.stdout.write(`${pool.workers.map(({ pid }) => pid).join(' ')}\n`);
await Promise.all(tasks);
