#!/usr/bin/env node
// The command. It works in a thread of its own (thread.mjs), so that this one hears signals whatever the other computes: the
// first ends the work after what is under way, the second at once.
import { writeSync } from 'node:fs';
import { constants } from 'node:os';
import { isatty } from 'node:tty';
import { SHARE_ENV, Worker } from 'node:worker_threads';

/** After so many milliseconds it is said that the work has not ended yet. */
const patience = 1000;
const showCursor = '\u001b[?25h';

const thread = new Worker(new URL('./thread.mjs', import.meta.url), {
  argv: process.argv.slice(2),
  execArgv: [],
  // What it sets, native libraries see: a variable of a thread's own they do not.
  env: SHARE_ENV,
  // A thread does not learn how wide the terminal is.
  workerData: { columns: isatty(2) ? process.stderr.columns : undefined },
});

/** What takes longer than so many milliseconds is said, by this thread, since the other one computes. */
const patienceForStages = 1500;
let stage;

/** What is kept of the work so far and how it goes on, in the command's words. */
let kept = '';
let heard;

const writeWords = (words) => {
  try {
    writeSync(2, `${words}\n`);
  } catch {
    // Nobody reads the words any more.
  }
};
const say = (words) => writeWords(`lambdamax: ${words}`);

const end = (signal) => {
  if (heard !== undefined) {
    if (isatty(2)) writeSync(2, showCursor);
    say(`ended at once${kept && `; ${kept}`}`);
    // The system's own way, which waits for no computation.
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
    return;
  }
  heard = signal;
  thread.postMessage('end');
  setTimeout(
    () => say('ends after the computation that is under way; the same signal again ends it at once'),
    patience,
  );
};
// A terminal that is closed sends SIGHUP; the words then go to whatever still reads them.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, end);

thread.on('message', (message) => {
  kept = message.kept ?? kept;
  if (message.doing === undefined) return;
  clearTimeout(stage);
  stage = setTimeout(() => writeWords(`${message.doing} ...`), patienceForStages);
});
thread.on('error', (error) => {
  // Of an ordinary failure the command itself says what it was.
  say(`${error?.message ?? error} (unexpected; --debug shows where)`);
  if (process.argv.includes('--debug')) say(error?.stack ?? '');
  process.exit(1);
});
thread.on('exit', (code) => {
  if (heard === undefined) process.exit(code);
  say(`interrupted${kept && `; ${kept}`}`);
  process.exit(128 + constants.signals[heard]);
});
