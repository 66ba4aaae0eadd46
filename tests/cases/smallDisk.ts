import { execFileSync } from 'node:child_process';
import { inTemporaryFolder } from './temporaryFolder.ts';

/** Calls `body` with a file system of so many bytes and a function that makes it larger; false where one may not mount. */
export async function onSmallDisk(
  size: string,
  body: (disk: string, grow: (size: string) => void) => Promise<void>,
): Promise<boolean> {
  return inTemporaryFolder(async (disk) => {
    const mount = (...options: string[]) =>
      execFileSync('mount', ['-t', 'tmpfs', '-o', options.join(), 'tmpfs', disk], { stdio: 'ignore' });
    try {
      mount(`size=${size}`);
    } catch {
      return false;
    }
    try {
      await body(disk, (larger) => mount('remount', `size=${larger}`));
    } finally {
      execFileSync('umount', [disk]);
    }
    return true;
  });
}

/** Whether this machine lets us mount a file system. */
export const canMount = await onSmallDisk('64k', async () => {});
