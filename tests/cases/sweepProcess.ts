/** A sweep in a process of its own, to be killed: `node --import tsx sweepProcess.ts STUDY`. Runs take a moment each. */
import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { sweep } from '../../study/sweep/sweep.ts';
import { parabolaResult, somePlan } from './studies.ts';

await sweep(somePlan(), {
  study: process.argv[2]!,
  onProgress: ({ event }) => process.stdout.write(`${event}\n`),
  execute: async (run, folder) => {
    for (let step = 1; step <= 5; step++) {
      await appendFile(join(folder, 'metrics.jsonl'), `{ "step": ${step} }\n`);
      await pause(4);
    }
    return parabolaResult(run);
  },
});
