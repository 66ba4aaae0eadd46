import { writeSync } from 'node:fs';
import { Writable } from 'node:stream';
import { isatty } from 'node:tty';
import { workerData } from 'node:worker_threads';
import type { OutputStream } from './stream.ts';

/** How long to wait where the reader of a pipe is behind, in milliseconds. */
const pauseForReader = 5;

/**
 * Standard output (1) or standard error (2) as a stream whose writes are done when they return. A thread's own
 * `process.stdout` hands its text to the main thread, which a sudden end would lose.
 */
export function standardStream(descriptor: 1 | 2): OutputStream {
  const stream = new Writable({
    decodeStrings: true,
    write(bytes: Buffer, _, done) {
      try {
        writeAll(descriptor, bytes);
        done();
      } catch (error) {
        done(error as Error);
      }
    },
  });
  return Object.assign(stream, { isTTY: isatty(descriptor), columns: workerData?.columns as number | undefined });
}

function writeAll(descriptor: number, bytes: Buffer): void {
  const wait = new Int32Array(new SharedArrayBuffer(4));
  for (let written = 0; written < bytes.length; ) {
    try {
      written += writeSync(descriptor, bytes, written);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      Atomics.wait(wait, 0, 0, pauseForReader);
    }
  }
}
