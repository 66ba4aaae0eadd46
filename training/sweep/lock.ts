import { randomBytes } from 'node:crypto';
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { LambdamaxError } from '../../errors.ts';
import { fileFault } from '../checkpoint/files.ts';

/** A folder held against other processes. */
export interface FolderLock {
  release(): Promise<void>;
}

/** Who holds a folder. */
interface Holder {
  readonly pid: number;
  readonly host: string;
  /** When the process began, so that a later one with the same number is not taken for it; null where unknown. */
  readonly began: string | null;
  /** Tells two holders in one process apart. */
  readonly token: string;
}

const lockName = '.lock';

/**
 * Holds a folder until it is released. A lock that a killed process on this machine left behind is taken over.
 * @throws LambdamaxError that names the process holding the folder.
 */
export async function lockFolder(folder: string): Promise<FolderLock> {
  const path = join(folder, lockName);
  const token = randomBytes(8).toString('hex');
  const own: Holder = { pid: process.pid, host: hostname(), began: await beginningOf(process.pid), token };
  // Written apart and linked in: the lock appears with its contents or not at all.
  const draft = `${path}.${token}`;
  try {
    await writeFile(draft, JSON.stringify(own));
    if (!(await linked(draft, path)) && !(await tookOver(draft, path))) throw heldBy(folder, await holderOf(path));
  } catch (cause) {
    throw fileFault(folder, 'a folder to write a study in', cause);
  } finally {
    await rm(draft, { force: true });
  }
  return {
    async release() {
      if ((await holderOf(path))?.token === token) await rm(path, { force: true });
    },
  };
}

async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/**
 * Replaces the lock of a process that is gone by the draft; false if it lives, or if another process was quicker. Only the
 * one that gets the right to replace this very lock may touch it, and only while it is still there: else, of two that
 * find it stale, the slower would replace the lock of the quicker.
 */
async function tookOver(draft: string, path: string): Promise<boolean> {
  const stale = await holderOf(path);
  if (stale !== null && (await isAlive(stale))) return false;
  const right = `${path}.over.${stale?.token ?? 'unreadable'}`;
  if (!(await linked(draft, right))) return false;
  try {
    if ((await holderOf(path))?.token !== stale?.token) return false;
    await rename(draft, path);
    return true;
  } finally {
    await rm(right, { force: true });
  }
}

/** Null for a lock that is gone or unreadable. */
async function holderOf(path: string): Promise<Holder | null> {
  try {
    const holder = JSON.parse(await readFile(path, 'utf8')) as Holder;
    return Number.isInteger(holder.pid) && holder.pid > 0 && /^\w+$/.test(holder.token) ? holder : null;
  } catch {
    return null;
  }
}

async function isAlive(holder: Holder): Promise<boolean> {
  // On another machine nothing can be known; to be careful it counts as alive.
  if (holder.host !== hostname()) return true;
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  return holder.began === null || (await beginningOf(holder.pid)) === holder.began;
}

/** When a process began, in clock ticks since the machine started: field 22 of /proc/PID/stat; null but on Linux. */
async function beginningOf(pid: number): Promise<string | null> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    // The second field, the program's name, may hold spaces and brackets: count from its end.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch {
    return null;
  }
}

function heldBy(folder: string, holder: Holder | null): LambdamaxError {
  const who = holder === null ? 'another process' : `process ${holder.pid} on ${holder.host}`;
  return new LambdamaxError({
    subject: folder,
    expected: 'a study that no other process works on',
    got: `a lock of ${who}`,
    remedy: `wait for it or end it (predict and report show what is there); if it is gone, delete ${join(folder, lockName)}`,
  });
}
