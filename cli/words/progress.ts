import { createRequire } from 'node:module';
import { clock } from '../../analysis/rates/format.ts';
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

/** In a file what is under way is said again after so many milliseconds, if no tenth of the way was done meanwhile. */
const patienceForLines = 30_000;

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
    format: `${label} {bar} {value}/{total} {words} {left}`,
    hideCursor: true,
    clearOnComplete: true,
    // The library would swallow SIGTERM; the process's own handlers exit, and that stops the bar.
    gracefulExit: false,
    barsize: 30,
    barCompleteChar: '━',
    barIncompleteChar: ' ',
  });
  const stop = () => shown.stop();
  process.once('exit', stop);
  let steps = total;
  const timeLeft = timeLeftOf();
  shown.start(total, 0, { words: '', left: '' });
  return {
    update: (done, words = '') => shown.update(done, { words: printable(words), left: timeLeft(done, steps) }),
    setTotal(count) {
      steps = count;
      shown.setTotal(count);
    },
    stop: () => {
      process.off('exit', stop);
      stop();
    },
  };
}

function lines(total: number, label: string, stream: OutputStream): Progress {
  let steps = total;
  let last = 0;
  let said: number | undefined;
  const timeLeft = timeLeftOf();
  const tenth = (done: number): number => Math.floor((10 * done) / Math.max(1, steps));
  return {
    update(done, words = '') {
      const left = timeLeft(done, steps);
      // What begins is said at once.
      const isDue = words !== '' && (said === undefined || performance.now() - said > patienceForLines);
      if (!isDue && tenth(done) <= tenth(last)) return;
      said = performance.now();
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

/**
 * The time that is left after so many steps, in words: from the mean time of those since the first, which compiles. Empty as long as
 * that is not known.
 */
function timeLeftOf(): (done: number, steps: number) => string {
  let begun: { readonly at: number; readonly done: number } | undefined;
  return (done, steps) => {
    if (done > 0) begun ??= { at: performance.now(), done };
    if (begun === undefined) return '';
    const perStep = (performance.now() - begun.at) / (done - begun.done);
    const seconds = (perStep * (steps - done)) / 1000;
    return Number.isFinite(seconds) && Math.round(seconds) > 0 ? `${clock(seconds)} left` : '';
  };
}
