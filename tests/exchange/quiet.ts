/**
 * What every command says to anybody, and what it writes: each is run under strace as on a user's machine, with CI unset, an empty
 * HOME and an empty folder for temporary files. No socket of the internet may be opened, and no file written but those that were
 * named, compiled graphs, and temporary files. Prints a table; any other socket or file is a failure.
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { everyCommand, type SmallCommand } from '../cases/everyCommand.ts';
import { inTemporaryFolder } from '../cases/temporaryFolder.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const calls = '%network,open,openat,creat,mkdir,mkdirat,rename,renameat,renameat2,symlink,symlinkat,link,linkat';

/** What one command did. */
interface Trace {
  readonly sockets: readonly string[];
  readonly paths: readonly string[];
}

async function traced(command: SmallCommand, folder: string): Promise<Trace & { readonly failure?: string }> {
  const [out, home, temporary] = [join(folder, 'out'), join(folder, 'home'), join(folder, 'tmp')];
  for (const each of [out, home, temporary]) await mkdir(each, { recursive: true });
  await command.prepare?.(out);
  const log = join(folder, 'trace');
  const { CI: _, XDG_CACHE_HOME: __, LAMBDAMAX_CACHE: ___, ORT_DISABLE_TELEMETRY: ____, ...environment } = process.env;
  const child = spawn(
    'strace',
    [
      ...['-f', '-qq', '-s', '400', '-e', `trace=${calls}`, '-o', log],
      ...[process.execPath, join(root, 'cli/lambdamax.mjs'), ...command.argv(out), '--quiet'],
    ],
    { cwd: out, env: { ...environment, HOME: home, TMPDIR: temporary }, stdio: ['ignore', 'ignore', 'pipe'] },
  );
  const [said, [code]] = await Promise.all([text(child.stderr), once(child, 'close')]);
  const trace = parsed(await readFile(log, 'utf8'), out);
  return code === 0 ? trace : { ...trace, failure: `exit code ${code}: ${said}` };
}

/** Calls that succeeded, or that could have: a look-up that fails has been tried. */
function parsed(log: string, cwd: string): Trace {
  const sockets = new Set<string>();
  const paths = new Set<string>();
  for (const line of log.split('\n')) {
    const call = /^\d+ +(?:<\.\.\. )?(\w+)/.exec(line)?.[1] ?? '';
    if (/^(socket|connect|sendto|bind)$/.test(call) && /AF_INET6?\b/.test(line))
      sockets.add(line.replace(/^\d+ +/, ''));
    const failed = / = -1 E/.test(line);
    const names = [...line.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, name]) => name!);
    const writes = /^(open|openat)$/.test(call)
      ? /O_WRONLY|O_RDWR|O_CREAT/.test(line)
      : /^(creat|mkdir|rename|symlink|link)/.test(call);
    if (!writes || failed || names.length === 0) continue;
    // What is linked or renamed comes first.
    paths.add(resolve(cwd, names.at(-1)!));
  }
  return { sockets: [...sockets], paths: [...paths] };
}

/** What kind of file a path is, in words; undefined for one that nobody has asked for. */
function kindOf(path: string, folder: string): string | undefined {
  const inside = (name: string): string | undefined => {
    const at = join(folder, name);
    return path === at || path.startsWith(`${at}/`) ? path.slice(at.length + 1) : undefined;
  };
  const named = inside('out');
  if (named !== undefined)
    return named
      .replace(/\.unfinished-[0-9a-f]+$/, '')
      .replaceAll(/\b[0-9a-f]{12}\b/g, 'KEY')
      .replace(/^(.*\.lock).*/, '$1');
  if (/^\/(dev|proc)\//.test(path)) return '';
  if (inside('home/.cache/lambdamax/graphs') !== undefined) return '~/.cache/lambdamax/graphs';
  if (['home/.cache', 'home/.cache/lambdamax'].some((name) => inside(name) === '')) return '';
  const temporary = inside('tmp');
  if (temporary?.startsWith('lambdamax-')) return 'temporary';
  // In a clone alone: sources as tsx has translated them.
  if (temporary?.startsWith('tsx-')) return '';
  return undefined;
}

let faults = 0;
console.log('| command | sockets | files written |\n| --- | --- | --- |');
await inTemporaryFolder(async (inputs) => {
  for (const command of await everyCommand(inputs))
    await inTemporaryFolder(async (folder) => {
      const { sockets, paths, failure } = await traced(command, folder);
      const kinds = paths.map((path) => ({ path, kind: kindOf(path, folder) }));
      const foreign = kinds.filter(({ kind }) => kind === undefined).map(({ path }) => path);
      const names = [...new Set(kinds.flatMap(({ kind }) => kind || []))].sort();
      console.log(`| ${command.name} | ${sockets.length || 'none'} | ${names.join(', ') || 'none'} |`);
      for (const fault of [...(failure ? [failure] : []), ...sockets, ...foreign.map((path) => `writes ${path}`)]) {
        console.error(`${command.name}: ${fault}`);
        faults += 1;
      }
    });
});
console.log(`${faults} faults`);
process.exit(faults === 0 ? 0 : 1);
