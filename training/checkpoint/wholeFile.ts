import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { type FileHandle, open, realpath, rename, rm, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

/** What a file is to hold: text, or bytes in one piece or several. */
export type Content = string | Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

/** Names under which files are written before they are whole; a killed process leaves one behind. */
const unfinished = /\.unfinished-[0-9a-f]{16}$/;

/** Whether a file of this name was never finished. */
export function isUnfinishedFile(name: string): boolean {
  return unfinished.test(name);
}

/** What is being written just now. A process that ends in between takes it along. */
const underWay = new Set<string>();
process.on('exit', () => {
  for (const path of underWay) rmSync(path, { force: true });
});

/** The last write of each file that is under way, by the file's path. */
const lastWrites = new Map<string, Promise<void>>();

/**
 * Writes a file whole or not at all: under another name beside it, every byte, to the disk itself, and only then under its own.
 * Whatever fails before that, a full disk among it, leaves the file that was there as it was. A symbolic link stays one, and
 * the permissions of a file stay too. What is no file but a device or a pipe is written to as it is.
 * Writes of one path are made one after another, in the order of the calls, so that the file ends as the last call had it.
 */
export async function writeWhole(path: string, content: Content): Promise<void> {
  const name = resolve(path);
  const before = lastWrites.get(name) ?? Promise.resolve();
  const write = before.catch(() => undefined).then(() => writeBeside(path, content));
  lastWrites.set(name, write);
  try {
    await write;
  } finally {
    if (lastWrites.get(name) === write) lastWrites.delete(name);
  }
}

async function writeBeside(path: string, content: Content): Promise<void> {
  // A link that leads nowhere yet, or a file that is not there.
  const target = await realpath(path).catch(() => path);
  const before = await stat(target).catch(() => null);
  if (before !== null && !before.isFile() && !before.isDirectory()) {
    const device = await open(target, 'w');
    return writeAll(device, content).finally(() => device.close());
  }
  const temporary = `${target}.unfinished-${randomBytes(8).toString('hex')}`;
  underWay.add(temporary);
  try {
    await writeToDisk(temporary, content, before?.mode);
    await rename(temporary, target);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw error;
  } finally {
    underWay.delete(temporary);
  }
  await syncFolder(dirname(target));
}

async function writeToDisk(path: string, content: Content, mode: number | undefined): Promise<void> {
  const file = await open(path, 'wx');
  try {
    // Not every file system has permissions.
    if (mode !== undefined) await file.chmod(mode & 0o7777).catch(() => undefined);
    await writeAll(file, content);
    await file.sync();
  } finally {
    // Some file systems tell only now that there was no room.
    await file.close();
  }
}

async function writeAll(file: FileHandle, content: Content): Promise<void> {
  if (typeof content === 'string') return writeBytes(file, new TextEncoder().encode(content));
  if (content instanceof Uint8Array) return writeBytes(file, content);
  for await (const bytes of content) await writeBytes(file, bytes);
}

/** One call may write less than it was given: the first of a disk that is filling up, and any over 2 GB. */
async function writeBytes(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, at, Math.min(bytes.length - at, 2 ** 30));
    if (bytesWritten === 0) throw Object.assign(new Error('nothing more could be written'), { code: 'ENOSPC' });
    at += bytesWritten;
  }
}

/** The file's new name is in its folder, which has to reach the disk as well. Not every system opens one. */
async function syncFolder(folder: string): Promise<void> {
  try {
    const handle = await open(folder, 'r');
    await handle.sync().finally(() => handle.close());
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EIO' || code === 'ENOSPC') throw error;
  }
}
