import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { Arguments, Command, OptionGroup } from '../../cli/command.ts';
import { main } from '../../cli/index.ts';
import type { OutputStream } from '../../cli/words/stream.ts';

/** What a command line left behind. */
export interface CommandOutcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A stream that keeps what is written. */
export function keepingStream(isTTY = false): OutputStream & { text(): string } {
  let kept = '';
  const stream = new Writable({
    write(chunk, _, done) {
      kept += String(chunk);
      done();
    },
  });
  return Object.assign(stream, { isTTY, text: () => kept });
}

/** Carries out a command line in this process. */
export async function commandLine(argv: readonly string[], commands?: readonly Command[]): Promise<CommandOutcome> {
  const [stdout, stderr] = [keepingStream(), keepingStream()];
  const code = await main(argv, { stdout, stderr, ...(commands !== undefined && { commands }) });
  return { code, stdout: stdout.text(), stderr: stderr.text() };
}

/** Runs the real command in a process of its own, from another working directory. */
export async function spawnedCommandLine(argv: readonly string[], cwd: string): Promise<CommandOutcome> {
  const script = fileURLToPath(new URL('../../cli/lambdamax.mjs', import.meta.url));
  const child = spawn(process.execPath, [script, ...argv], { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  const [code] = (await once(child, 'close')) as [number];
  return { code, stdout, stderr };
}

/** What a group of options makes of arguments: the parsed object, or the outcome of a refused command line. */
export async function parsedWith<T>(
  options: OptionGroup,
  parse: (args: Arguments) => T | Promise<T>,
  ...argv: readonly string[]
): Promise<{ readonly value?: T } & CommandOutcome> {
  let value: T | undefined;
  const command: Command = {
    usage: 'try',
    summary: 'Parse options',
    options,
    run: async (args) => {
      value = await parse(args);
    },
  };
  const outcome = await commandLine(['try', ...argv], [command]);
  return { ...outcome, ...(value !== undefined && { value }) };
}
