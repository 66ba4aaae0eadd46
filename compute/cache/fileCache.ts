import { createHash, randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { cacheFolder, type Environment } from './folder.ts';

/** The most that each kind of thing takes on disk: some hundred compiled graphs, the starts of some models. */
const mostBytes = 256e6;

/** The variable that names another folder for what is kept, or turns that off: `LAMBDAMAX_CACHE=off`. */
const variable = 'LAMBDAMAX_CACHE';

/** What this process has written to each folder since it last looked how much is there: to look takes long where there is much. */
const unseenBytes = new Map<string, number>();
/** The part of the most bytes that a process may write before it looks. */
const unseenShare = 1 / 64;

/** The cache of compiled graphs, or undefined if it is turned off. */
export function graphCache(environment: Environment = process.env): FileCache | undefined {
  const wanted = environment[variable];
  if (wanted === 'off') return undefined;
  return new FileCache(wanted || cacheFolder('graphs', environment), mostBytes);
}

/** The cache of decompositions of weights, from which adapters start, or undefined if it is turned off. */
export function startCache(environment: Environment = process.env): FileCache | undefined {
  const wanted = environment[variable];
  if (wanted === 'off') return undefined;
  return new FileCache(wanted ? join(wanted, 'starts') : cacheFolder('starts', environment), mostBytes);
}

/**
 * Files under keys that say all about their contents, so that a file is either what its key says or not there. Each names the
 * key that it was written for, and only files of this user that nobody else can write are believed: they hold graphs, which
 * are run. Several processes may use one folder. A file is written under a temporary name and renamed; one that is damaged counts as none and
 * is removed; the ones that were not used for longest give way when all together exceed `mostBytes`, by a 64th for each process that
 * writes. A folder that cannot be read or written is a cache in which nothing is found: an error of it is nobody's.
 */
export class FileCache {
  readonly #folder: string;
  readonly #mostBytes: number;

  constructor(folder: string, mostBytes: number) {
    this.#folder = folder;
    this.#mostBytes = mostBytes;
  }

  /** The contents under a key (hexadecimal), or undefined. */
  read(key: string): Uint8Array | undefined {
    const path = this.#path(key);
    try {
      const stored = readOwn(path);
      if (stored === undefined) return undefined;
      const content = stored.subarray(digestLength);
      if (!stored.subarray(0, digestLength).equals(digestOf(key, content))) {
        rmSync(path, { force: true });
        return undefined;
      }
      const now = new Date();
      utimesSync(path, now, now);
      return content;
    } catch {
      return undefined;
    }
  }

  /** Keeps contents under a key. */
  write(key: string, content: Uint8Array): void {
    try {
      mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
      const bytes = Buffer.concat([digestOf(key, content), content]);
      this.#writeWhole(this.#path(key), bytes);
      const unseen = (unseenBytes.get(this.#folder) ?? Number.POSITIVE_INFINITY) + bytes.length;
      const isMuch = unseen > this.#mostBytes * unseenShare;
      if (isMuch) this.#makeRoom();
      unseenBytes.set(this.#folder, isMuch ? 0 : unseen);
    } catch {
      // A full or read-only disk: it is made anew next time.
    }
  }

  #path(key: string): string {
    return join(this.#folder, key);
  }

  /** The digest tells what the disk did not keep: nothing waits for it. */
  #writeWhole(path: string, bytes: Uint8Array): void {
    const temporary = `${path}.${randomBytes(8).toString('hex')}`;
    try {
      writeFileSync(temporary, bytes, { flag: 'wx', mode: 0o600 });
      renameSync(temporary, path);
    } catch (error) {
      rmSync(temporary, { force: true });
      throw error;
    }
  }

  #makeRoom(): void {
    const files = readdirSync(this.#folder).flatMap((name) => {
      const path = join(this.#folder, name);
      // Another process may have removed it.
      const found = statSync(path, { throwIfNoEntry: false });
      return found?.isFile() ? [{ path, size: found.size, used: found.mtimeMs }] : [];
    });
    let total = files.reduce((sum, { size }) => sum + size, 0);
    for (const { path, size } of files.sort((a, b) => a.used - b.used)) {
      if (total <= this.#mostBytes) return;
      rmSync(path, { force: true });
      total -= size;
    }
  }
}

/** Each file begins with the SHA-256 of its key and the rest. */
const digestLength = 32;

function digestOf(key: string, content: Uint8Array): Buffer {
  return createHash('sha256').update(`${key}\n`).update(content).digest();
}

const othersMayWrite = 0o022;

/** The contents of a file of this user, not by way of a link; undefined for one that others may have written. */
function readOwn(path: string): Buffer | undefined {
  const file = openSync(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0));
  try {
    const { uid, mode } = fstatSync(file);
    // Windows has neither users' numbers nor these modes.
    const isOwn = process.getuid === undefined || (uid === process.getuid() && (mode & othersMayWrite) === 0);
    return isOwn ? readFileSync(file) : undefined;
  } finally {
    closeSync(file);
  }
}
