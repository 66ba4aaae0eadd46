import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, readdir, rename, rm, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { LambdamaxError } from '../../errors.ts';
import { fileFault } from '../checkpoint/files.ts';

/** A file elsewhere: how large it is, and how one knows that a copy is whole. */
export interface RemoteFile {
  /** What error messages call it. */
  readonly name: string;
  readonly size: number;
  /** SHA-256 of the contents (of large files), or the name that git gives them, hexadecimal. */
  readonly hash: { readonly kind: 'sha256' | 'git'; readonly value: string };
  /** The bytes from `start` on, as they come in. */
  read(start: number): AsyncIterable<Uint8Array>;
}

/** After so many attempts in a row that brought nothing new, a download is given up. */
const mostAttempts = 5;

/**
 * Copies a file to `target`, which appears only when it is whole and its hash is right. What an earlier process that has
 * died left behind is gone on with; broken connections are taken up again where they broke. `onBytes` gets the bytes
 * there are so far. Throws a LambdamaxError that names the file when nothing comes any more.
 */
export async function download(remote: RemoteFile, target: string, onBytes: (bytes: number) => void): Promise<void> {
  const partial = await claimPartial(target);
  for (let attempt = 1; ; attempt++) {
    const before = await sizeOf(partial);
    try {
      if (before > remote.size) await rm(partial);
      else await append(remote, partial, before, onBytes);
      if (await isWhole(remote, partial)) break;
      // Nothing of it can be trusted, and no reader of the cache may ever see it.
      await rm(partial, { force: true });
      throw new Error(`contents with another hash than ${remote.hash.value}`);
    } catch (cause) {
      if (cause instanceof LambdamaxError) throw cause;
      if ((await sizeOf(partial)) > before) attempt = 0;
      if (attempt >= mostAttempts) throw interrupted(remote, await sizeOf(partial), cause);
      await pause(100 * 2 ** attempt);
    }
  }
  await rename(partial, target);
}

async function append(
  remote: RemoteFile,
  partial: string,
  start: number,
  onBytes: (bytes: number) => void,
): Promise<void> {
  const handle = await open(partial, 'a').catch((cause: unknown) => {
    throw fileFault(partial, 'a writable file', cause);
  });
  try {
    let written = start;
    onBytes(written);
    if (written === remote.size) return;
    for await (const chunk of remote.read(start)) {
      // A server that does not heed the range sends too much; the hash would tell, but only in the end.
      if (written + chunk.length > remote.size) throw new Error(`more than ${remote.size} bytes`);
      await handle.appendFile(chunk).catch((cause: unknown) => {
        throw fileFault(partial, 'a writable file', cause);
      });
      written += chunk.length;
      onBytes(written);
    }
    if (written < remote.size) throw new Error('a connection that ended early');
  } finally {
    await handle.close();
  }
}

async function isWhole({ size, hash: { kind, value } }: RemoteFile, path: string): Promise<boolean> {
  const hash = createHash(kind === 'sha256' ? 'sha256' : 'sha1');
  // The name of a blob in git is the hash of this and its contents.
  if (kind === 'git') hash.update(`blob ${size}\0`);
  for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array);
  return hash.digest('hex') === value;
}

/**
 * The file that this process may write a part of `target` to. Its name holds the process: one that lives is left alone, and
 * of several that find the part of a dead one, only the quickest gets it, since a file can be renamed but once.
 */
async function claimPartial(target: string): Promise<string> {
  const stem = `${basename(target)}.${hostname()}.`;
  const own = `${target}.${hostname()}.${process.pid}.incomplete`;
  for (const name of await readdir(dirname(target))) {
    const pid = Number(name.startsWith(stem) && name.endsWith('.incomplete') && name.slice(stem.length).split('.')[0]);
    if (!(pid > 0) || pid === process.pid || isAlive(pid)) continue;
    const wasOurs = await rename(join(dirname(target), name), own).then(
      () => true,
      () => false,
    );
    if (wasOurs) break;
  }
  return own;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => 0,
  );
}

function interrupted({ name, size }: RemoteFile, bytes: number, cause: unknown): LambdamaxError {
  return new LambdamaxError({
    subject: name,
    expected: `${size} bytes`,
    got: `${bytes} and then ${causeOf(cause)}`,
    remedy: 'start again: the download goes on where it stopped',
    cause,
  });
}

/** What an error that `fetch` wraps says, in a few words. */
export function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error
    ? causeOf(error.cause)
    : (error.message || error.name).replace(/\. URL: .*$/s, '');
}
