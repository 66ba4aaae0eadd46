import { createRequire } from 'node:module';
import { printable } from './printable.ts';
import type { OutputStream } from './stream.ts';

/** How far something long is. */
export interface Progress {
  /** So many steps are done in all, with a few words about the last one. */
  update(done: number, words?: string): void;
  /** The number of steps in all has turned out to be another. */
  setTotal(total: number): void;
  /** Always to be called in the end: a bar hides the cursor. */
  stop(): void;
}

const silence: Progress = { update() {}, setTotal() {}, stop() {} };

/** A bar where a person watches, a line every tenth of the way where a file does, nothing with `quiet`. */
export function showProgress(
  total: number,
  label: string,
  { quiet, stream }: { readonly quiet: boolean; readonly stream: OutputStream },
): Progress {
  if (quiet) return silence;
  return stream.isTTY ? bar(total, label, stream) : lines(total, label, stream);
}

function bar(total: number, label: string, stream: OutputStream): Progress {
  // Loaded when first wanted: most commands never show a bar.
  const { SingleBar } = createRequire(import.meta.url)('cli-progress') as typeof import('cli-progress');
  const shown = new SingleBar({
    stream,
    format: `${label} {bar} {value}/{total} {words} {eta_formatted}`,
    hideCursor: true,
    // The time that is left follows from so many updates: runs differ, and the first step compiles.
    etaBuffer: 100,
    clearOnComplete: true,
    // The library would swallow SIGTERM; the process's own handlers exit, and that stops the bar.
    gracefulExit: false,
    barsize: 30,
    barCompleteChar: '━',
    barIncompleteChar: ' ',
  });
  const stop = () => shown.stop();
  process.once('exit', stop);
  shown.start(total, 0, { words: '' });
  return {
    update: (done, words = '') => shown.update(done, { words: printable(words) }),
    setTotal: (count) => shown.setTotal(count),
    stop: () => {
      process.off('exit', stop);
      stop();
    },
  };
}

function lines(total: number, label: string, stream: OutputStream): Progress {
  let steps = total;
  let last = 0;
  let begun: { readonly at: number; readonly done: number } | undefined;
  const tenth = (done: number): number => Math.floor((10 * done) / Math.max(1, steps));
  /** Empty while the time of a step is not known: the first one compiles. */
  const timeLeft = (done: number): string => {
    begun ??= { at: performance.now(), done };
    const perStep = (performance.now() - begun.at) / (done - begun.done);
    const seconds = Math.round((perStep * (steps - done)) / 1000);
    return Number.isFinite(seconds) && seconds > 0 ? `${clock(seconds)} left` : '';
  };
  return {
    update(done, words = '') {
      const left = timeLeft(done);
      if (tenth(done) <= tenth(last)) return;
      last = done;
      stream.write(
        `${printable([`${label} ${done}/${steps}`, words, left].filter((text) => text !== '').join('  '))}\n`,
      );
    },
    setTotal(count) {
      steps = count;
    },
    stop() {},
  };
}

/** `35 s`, `12 min`, `3 h 5 min`. */
function clock(seconds: number): string {
  if (seconds < 100) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 100 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
