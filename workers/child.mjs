// What a process of `WorkerProcess` runs. Its work is done in a thread, so that it ends as soon as the process at the other end
// does, whatever is being computed. Plain JavaScript: only the thread takes a loader for a clone's sources.
import { SHARE_ENV, Worker } from 'node:worker_threads';

const endAtOnce = () => {
  process.kill(process.pid, 'SIGKILL');
};
// The channel closes with the process at its other end, however that one died.
process.on('disconnect', endAtOnce);
if (!process.connected) endAtOnce();
// Ctrl-C reaches all processes of a terminal; the one that started this one decides what becomes of it.
process.on('SIGINT', () => {});

// What the thread sets in its environment, native libraries see: a variable of a thread's own they do not.
const thread = new Worker(new URL('./thread.mjs', import.meta.url), { execArgv: [], env: SHARE_ENV });
process.on('message', (order) => thread.postMessage(order));
thread.on('message', (answer) => process.send(answer));
thread.on('error', (error) => {
  process.stderr.write(String(error), () => process.exit(1));
});
thread.on('exit', (code) => process.exit(code));
