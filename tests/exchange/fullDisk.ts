/**
 * Every command that writes, on disks that fill up at random points: `node --import tsx tests/exchange/fullDisk.ts POINTS
 * COMMAND...` (all, if none is named). Each file is then the old one or the new one, and a command that could not write all
 * of it exits with 1 and names the file.
 */

import { mkdir, readFile, rm, stat, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { randomStream } from '../../compute/random.ts';
import { commandLine } from '../cases/commandLine.ts';
import { everyCommand, type SmallCommand } from '../cases/everyCommand.ts';
import { canMount, onSmallDisk } from '../cases/smallDisk.ts';
import { inTemporaryFolder } from '../cases/temporaryFolder.ts';
import { filesOf } from '../cases/tinyStudy.ts';

const points = Number(process.argv[2] ?? 3);
const chosen = process.argv.slice(3);
process.env.LAMBDAMAX_CACHE = 'off';
/** More than any of these commands writes, so that a disk of this size shows what it takes. */
const plenty = 64 * 2 ** 20;
const page = 4096;
const faults: string[] = [];

/** What a file holds but for times, which differ from run to run. */
async function contents(path: string): Promise<string> {
  const bytes = await readFile(path);
  if (/\.(json|jsonl|html)$/.test(path))
    return bytes.toString().replaceAll(/"(seconds|peakMegabytes)": ?[\d.e+-]+/g, '"$1":0');
  return bytes.toString('base64');
}

/** Whether a file that was cut would not be whole by itself: what cannot be compared byte for byte is at least that. */
function isWhole(path: string, text: string): boolean {
  try {
    if (path.endsWith('.json')) JSON.parse(text);
    if (path.endsWith('.jsonl')) for (const line of text.trimEnd().split('\n')) JSON.parse(line || '{}');
    return !path.endsWith('.html') || text.trimEnd().endsWith('</html>');
  } catch {
    return false;
  }
}

async function atPoint(command: SmallCommand, disk: string, pages: number): Promise<string> {
  const out = join(disk, 'out');
  await rm(out, { recursive: true, force: true });
  await rm(join(disk, 'ballast'), { force: true });
  await mkdir(out);
  await command.prepare?.(out);
  const before = new Map<string, string>();
  for (const name of await filesOf(out)) before.set(name, await contents(join(out, name)));
  // What is already there stays; the rest of the disk but so many pages is taken.
  await writeFile(join(disk, 'ballast'), '');
  const free = await freePages(disk);
  await writeFile(join(disk, 'ballast'), new Uint8Array(page * Math.max(0, free - pages)));
  const { code, stderr } = await commandLine([...command.argv(out), '--quiet']);
  const after = await filesOf(out);
  const said = `${command.name} with ${pages * 4} KB`;
  if (code !== 0 && code !== 1) faults.push(`${said}: exit code ${code}: ${stderr}`);
  if (code === 1 && !(/full disk/.test(stderr) && stderr.includes(disk))) faults.push(`${said}: says ${stderr}`);
  for (const name of after) {
    const path = join(out, name);
    if (/\.unfinished-/.test(name)) faults.push(`${said}: leaves ${name}`);
    const text = await contents(path);
    const known = whole.get(command.name)!.get(name);
    const isKnown = text === before.get(name) || text === known;
    if (!isKnown && !isWhole(name, text)) faults.push(`${said}: ${name} is neither the old file nor the new one`);
    // A point to resume from holds times: it is as long as it must be, or it is cut.
    if (!isKnown && /\.(safetensors|csv|bin)$/.test(name) && text.length !== known?.length)
      faults.push(`${said}: ${name} is cut`);
  }
  for (const name of before.keys()) if (!after.includes(name)) faults.push(`${said}: ${name} is gone`);
  if (code === 0)
    for (const name of whole.get(command.name)!.keys())
      if (!after.includes(name)) faults.push(`${said}: exit code 0 without ${name}`);
  return code === 0 ? 'whole' : 'refused';
}

async function freePages(disk: string): Promise<number> {
  return (await statfs(disk)).bavail;
}

/** The files of each command on a disk with room, without times. */
const whole = new Map<string, Map<string, string>>();

if (!canMount) {
  console.log('no file system can be mounted here: nothing is tested');
  process.exit(0);
}
await inTemporaryFolder(async (folder) => {
  const random = randomStream(0, 'full disk');
  for (const command of await everyCommand(folder)) {
    if (chosen.length > 0 && !chosen.includes(command.name)) continue;
    const counts = { whole: 0, refused: 0 };
    let taken = 0;
    await onSmallDisk(`${plenty}`, async (disk) => {
      const out = join(disk, 'out');
      await mkdir(out);
      await command.prepare?.(out);
      const began = Date.now();
      const { code, stderr } = await commandLine([...command.argv(out), '--quiet']);
      if (code !== 0) faults.push(`${command.name}: ${stderr}`);
      const files = new Map<string, string>();
      for (const name of await filesOf(out)) {
        files.set(name, await contents(join(out, name)));
        const { size, mtimeMs } = await stat(join(out, name));
        // What was put there for the command takes no room of its own.
        if (mtimeMs >= began) taken += Math.ceil(size / page);
      }
      whole.set(command.name, files);
    });
    if ((whole.get(command.name)?.size ?? 0) === 0) continue;
    await onSmallDisk(`${plenty}`, async (disk) => {
      for (let point = 0; point < points; point++)
        counts[(await atPoint(command, disk, random.integer(2 * taken + 3))) as 'whole' | 'refused'] += 1;
    });
    console.log(`${command.name}: takes ${taken * 4} KB; ${counts.whole} whole, ${counts.refused} refused`);
  }
});
for (const fault of faults) console.error(fault);
console.log(`${faults.length} faults`);
process.exit(faults.length === 0 ? 0 : 1);
