import { randomBytes } from 'node:crypto';
import { link, readFile, readlink, rename, rm, stat, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { LambdamaxError } from '../../errors.ts';
import { fileFault } from './files.ts';

/** A folder held against other processes. */
export interface FolderLock {
  release(): Promise<void>;
}

/** Who holds a folder. */
interface Holder {
  readonly pid: number;
  readonly host: string;
  /** Which machine and which container of it: names of hosts repeat. Null where unknown; absent in locks of before. */
  readonly machine?: string | null;
  /** When the process began, so that a later one with the same number is not taken for it; null where unknown. */
  readonly began: string | null;
  /** Tells two holders in one process apart. */
  readonly token: string;
}

const lockName = '.lock';

/** A lock without contents may be one that is being written, which takes less than so many milliseconds. */
const writing = 1000;

/**
 * Holds a folder until it is released. A lock that a killed process on this machine left behind is taken over.
 * @throws LambdamaxError that names the process holding the folder.
 */
export async function lockFolder(folder: string): Promise<FolderLock> {
  const path = join(folder, lockName);
  const token = randomBytes(8).toString('hex');
  const [began, machine] = await Promise.all([beginningOf(process.pid), machineOf()]);
  const own: Holder = { pid: process.pid, host: hostname(), machine, began, token };
  // Written apart and linked in: the lock appears with its contents or not at all.
  const draft = `${path}.${token}`;
  try {
    await writeFile(draft, JSON.stringify(own));
    if (!(await linked(draft, path)) && !(await tookOver(draft, path))) throw heldBy(folder, await holderOf(path));
  } catch (cause) {
    throw fileFault(folder, 'a folder to write results in', cause);
  } finally {
    await rm(draft, { force: true });
  }
  return {
    async release() {
      if ((await holderOf(path))?.token === token) await rm(path, { force: true });
    },
  };
}

/**
 * Since when a process has held a folder, in milliseconds since 1970; null where none does, as far as can be told from here. It only
 * looks, and neither takes nor removes a lock.
 */
export async function heldSince(folder: string): Promise<number | null> {
  const path = join(folder, lockName);
  const holder = await holderOf(path);
  if (holder === null || !(await isAlive(holder))) return null;
  return stat(path).then(
    ({ mtimeMs }) => mtimeMs,
    () => null,
  );
}

/** Codes of file systems that have no hard links. */
const withoutLinks: readonly string[] = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK', 'EXDEV'];

/** Makes `to` a file with the contents of `from` in one go; false if there is one. */
async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to).catch(async (error: NodeJS.ErrnoException) => {
      if (!withoutLinks.includes(error.code ?? '')) throw error;
      // Here the file is empty for a moment, which `tookOver` allows for.
      await writeFile(to, await readFile(from), { flag: 'wx' });
    });
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
  const stale = await settledHolderOf(path);
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

/** The holder, once a lock that has no contents yet has had time to get them. */
async function settledHolderOf(path: string): Promise<Holder | null> {
  const holder = await holderOf(path);
  if (holder !== null) return holder;
  await pause(writing);
  return holderOf(path);
}

async function isAlive(holder: Holder): Promise<boolean> {
  // On another machine, or in another container, nothing can be known; to be careful it counts as alive.
  if (holder.host !== hostname() || (holder.machine !== undefined && holder.machine !== (await machineOf())))
    return true;
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  return holder.began === null || (await beginningOf(holder.pid)) === holder.began;
}

/**
 * The machine's own number, and of its process numbers those that this process sees, which containers do not share. A machine
 * that was started anew is still the same one. Null but on Linux.
 */
async function machineOf(): Promise<string | null> {
  try {
    const machine = await readFile('/etc/machine-id', 'utf8').catch(() => '');
    return `${machine.trim()} ${await readlink('/proc/self/ns/pid')}`;
  } catch {
    return null;
  }
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
    expected: 'a folder that no other process writes in',
    got: `a lock of ${who}`,
    remedy: `wait for it or end it (predict and report show what is there); if it is gone, delete ${join(folder, lockName)}`,
  });
}
