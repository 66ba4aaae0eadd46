import { parentPort } from 'node:worker_threads';
import { ArgumentError, LambdamaxError } from '../errors.ts';
import { fileFault } from '../training/checkpoint/files.ts';
import type { Arguments, Command } from './command.ts';
import { inOptions } from './options/fields.ts';
import { completionKey, nameOf, parse, typedFrom } from './parse.ts';
import { closest } from './words/closest.ts';
import { createOutput, type OutputSurroundings } from './words/output.ts';
import { standardStream } from './words/standardStream.ts';
import type { OutputStream } from './words/stream.ts';

/** All commands, sorted by name; a new one is a file and a line. Only what a command line names is loaded. */
const commandFiles: Readonly<Record<string, () => Promise<{ readonly command: Command }>>> = {
  completion: () => import('./commands/completion.ts'),
  convert: () => import('./commands/convert.ts'),
  data: () => import('./commands/data.ts'),
  doctor: () => import('./commands/doctor.ts'),
  evaluate: () => import('./commands/evaluate.ts'),
  figure: () => import('./commands/figure.ts'),
  finetune: () => import('./commands/finetune.ts'),
  generate: () => import('./commands/generate.ts'),
  merge: () => import('./commands/merge.ts'),
  predict: () => import('./commands/predict.ts'),
  pretrain: () => import('./commands/pretrain.ts'),
  recommend: () => import('./commands/recommend.ts'),
  report: () => import('./commands/report.ts'),
  serve: () => import('./commands/serve.ts'),
  setup: () => import('./commands/setup.ts'),
  spectrum: () => import('./commands/spectrum.ts'),
  study: () => import('./commands/study.ts'),
  sweep: () => import('./commands/sweep.ts'),
  validate: () => import('./commands/validate.ts'),
};

/** Every command, loaded. */
export async function allCommands(): Promise<readonly Command[]> {
  const files = await Promise.all(Object.values(commandFiles).map((load) => load()));
  return files.map(({ command }) => command);
}

/** The commands that a command line may need: the one that it names, else all. */
async function commandsFor(argv: readonly string[]): Promise<readonly Command[]> {
  const [first = ''] = argv;
  if (['--version', '-v'].includes(first)) return [];
  const word =
    first === completionKey ? (argv.slice(1, -1).find((one) => Object.hasOwn(commandFiles, one)) ?? '') : first;
  return Object.hasOwn(commandFiles, word) ? [(await commandFiles[word]!()).command] : allCommands();
}

/** Exit codes. After a signal it is 128 and the signal's number, as shells have it: `lambdamax.mjs` sees to that. */
const exitCodes = { done: 0, failed: 1, usage: 2, interrupted: 130 } as const;

/** What a command line is carried out with. */
export interface Surroundings extends OutputSurroundings {
  readonly stdout?: OutputStream;
  readonly stderr?: OutputStream;
  readonly commands?: readonly Command[];
}

/** Carries out one command line (without node and script) and returns its exit code. It throws nothing. */
export async function main(typed: readonly string[], surroundings: Surroundings = {}): Promise<number> {
  const { stdout = process.stdout, stderr = process.stderr } = surroundings;
  const { began = performance.now() } = surroundings;
  const argv = typedFrom(typed);
  const isDebug = argv.includes('--debug');
  let commands: readonly Command[] = [];
  let chosen: { command: Command; args: Arguments } | undefined;
  try {
    commands = surroundings.commands ?? (await commandsFor(argv));
    const help = await parse(argv, commands, (stderr as { columns?: number }).columns, (command, args) => {
      chosen = { command, args };
    });
    if (help !== '') stdout.write(`${help}\n`);
    if (chosen === undefined) return exitCodes.done;
    const { command, args } = chosen;
    await command.run(
      args,
      createOutput({ json: args.json === true, quiet: args.quiet === true }, stdout, stderr, {
        ...surroundings,
        began,
      }),
    );
    return exitCodes.done;
  } catch (thrown) {
    const error = firstOf(thrown);
    const said = chosen?.command ?? commands.find((command) => nameOf(command) === argv[0]);
    stderr.write(`lambdamax: ${message(error, said)}\n`);
    if (isDebug) stderr.write(`${stack(error)}\n`);
    return error instanceof ArgumentError ? exitCodes.usage : exitCodes.failed;
  }
}

/**
 * Carries out the command line in the thread that `lambdamax.mjs` has made for it, and ends the thread. The main thread may
 * ask it to end, and is told what is kept then.
 */
export async function start(): Promise<void> {
  const [stdout, stderr] = [standardStream(1), standardStream(2)];
  parentPort!.on('message', () => process.exit(exitCodes.interrupted)).unref();
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    // The reader (head, less) has seen enough.
    if (error.code === 'EPIPE') process.exit(exitCodes.done);
    stderr.write(`lambdamax: ${fileFault('standard output', 'to be written', error).message}\n`);
    process.exit(exitCodes.failed);
  });
  // Nobody reads the words any more; the work goes on.
  stderr.on('error', () => {});
  if (!process.argv.includes('--debug')) silenceLibraries();
  const keep = (words: string) => parentPort!.postMessage({ kept: words });
  const doing = (words: string) => parentPort!.postMessage({ doing: words });
  // The process began before this thread's clock did.
  const began = performance.now() - 1000 * process.uptime();
  const code = await main(process.argv.slice(2), { stdout, stderr, keep, doing, began });
  // Ended at once: sessions and timers that a failure left behind would keep the thread alive.
  stdout.write('', (error) => {
    if (!error) process.exit(code);
  });
}

/** What went wrong first, where something else went wrong while resources were given back. */
function firstOf(error: unknown): unknown {
  const isSecond = error instanceof Error && error.name === 'SuppressedError' && 'suppressed' in error;
  return isSecond ? firstOf(error.suppressed) : error;
}

function message(error: unknown, command: Command | undefined): string {
  if (error instanceof LambdamaxError) {
    const words = inOptions(error, command?.options ?? {});
    const meant = closest(error.got ?? '', error.choices);
    const offered = meant === undefined ? words : `${words}; did you mean ${meant}?`;
    if (!(error instanceof ArgumentError)) return offered;
    const help = `'lambdamax ${command === undefined ? '' : `${nameOf(command)} `}--help'`;
    return meant === undefined ? `${words}; try ${help}` : `${offered} ${help} lists all`;
  }
  const said = error instanceof Error ? error.message || error.name : String(error);
  return `${inOneLine(said)} (unexpected; --debug shows where)`;
}

function stack(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? '' : `\ncaused by ${stack(error.cause)}`;
  return `${error.stack ?? error.message}${cause}`;
}

function inOneLine(text: string): string {
  return text.replace(/\s*\n\s*/g, ' ');
}

/** Start-up words of TensorFlow.js and warnings of Node would stand between ours, and on standard output in JSON. */
function silenceLibraries(): void {
  process.removeAllListeners('warning');
  for (const method of ['log', 'info', 'warn', 'debug'] as const) console[method] = () => {};
}
