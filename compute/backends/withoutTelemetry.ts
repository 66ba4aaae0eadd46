import { isMainThread } from 'node:worker_threads';

/**
 * ONNX Runtime reports to its makers by default: it looks up a host of theirs, keeps a device's number and a database of events
 * under ~/.cache, and leaves a log in the temporary folder. This turns all of it off, wherever the native library is loaded
 * afterwards, which reads the variable of the process; so this module is imported before it.
 *
 * A thread has a copy of the variables, unless it was made with SHARE_ENV as ours are: what is set there reaches no library, and
 * is warned of. (Children of the thread get it all the same.)
 */
const variable = 'ORT_DISABLE_TELEMETRY';

if (process.env[variable] !== '1') {
  process.env[variable] = '1';
  if (!isMainThread && !isShared())
    process.emitWarning(
      `ONNX Runtime's telemetry cannot be turned off from a thread: set ${variable}=1 before the process starts, or make the ` +
        'thread with env: SHARE_ENV',
    );
}

/** Whether this thread's variables are those of the process: only these are an object of the system's own. */
function isShared(): boolean {
  // A copy keeps a name as it is set, also one that the system would refuse.
  const probe = 'lambdamax=probe';
  process.env[probe] = '1';
  const isCopy = probe in process.env;
  delete process.env[probe];
  return !isCopy;
}
