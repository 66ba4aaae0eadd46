import { execFileSync } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';

/** Whether a process is there. */
export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** Whether all of these processes are gone within 10 s. */
export async function areGone(pids: readonly number[]): Promise<boolean> {
  for (let waited = 0; waited < 10_000 && pids.some(isAlive); waited += 50) await pause(50);
  return !pids.some(isAlive);
}

/** The processes that a process has started and whose command line has this in it. */
export function childrenOf(parent: number, command = /(?:)/): number[] {
  const lines = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,args='], { encoding: 'utf8' }).split('\n');
  const processes = lines.map((line) => /^ *(\d+) +(\d+) (.*)$/.exec(line)?.slice(1) ?? []);
  return processes.flatMap(([pid, parentPid, args]) =>
    Number(parentPid) === parent && command.test(args!) ? [Number(pid)] : [],
  );
}

/** The workers that a process has started. */
export const workersOf = (parent: number): number[] => childrenOf(parent, /workers\/child\.mjs/);
