// Runs the tests: node --import tsx tests/runner/run.ts [PATTERN] [--tier TIER] [--processes N] [--limit SECONDS]
// PATTERN is a regular expression of paths in tests/, or in --folder FOLDER.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, constants } from 'node:os';
import { join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { toolchainHash } from '../../compute/cache/contentHash.ts';
import { type FileOutcome, runFiles } from './testFiles.ts';

/** The files of each tier, by their paths. The ones that are left out take long, or start many processes. */
const tiers = {
  nightly: () => true,
  all: (path) => !path.includes('.nightly.'),
  usual: (path) => !/\.(nightly|slow|long)\./.test(path),
  fast: (path) => !/\.(nightly|slow|long)\.|^(cli|bench)\//.test(path),
} satisfies Record<string, (path: string) => boolean>;
const isTier = (name: string): name is keyof typeof tiers => name in tiers;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    tier: { type: 'string', default: 'usual' },
    folder: { type: 'string' },
    processes: { type: 'string', default: String(availableParallelism()) },
    limit: { type: 'string', default: '900' },
  },
});

// In a folder of somebody's own every source is one.
const folder = values.folder ?? fileURLToPath(new URL('..', import.meta.url));
const ending = values.folder === undefined ? '.test.ts' : '.ts';
const pattern = new RegExp(positionals[0] ?? '', 'i');
const tier = isTier(values.tier) ? tiers[values.tier] : undefined;
if (tier === undefined) {
  process.stderr.write(`--tier: expected one of ${Object.keys(tiers).join(', ')}, got ${values.tier}\n`);
  process.exit(2);
}
const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  .map((path) => path.replaceAll('\\', '/'))
  .filter((path) => path.endsWith(ending) && pattern.test(path) && tier(path))
  .sort();

// How long each file took when it was last run. The longest come first, so that no process is left alone with one of them.
const kept = fileURLToPath(new URL('../../.cache/tests', import.meta.url));
const record = join(kept, 'seconds.json');
const seconds = recorded();
const unknown = 1e6;
const longestFirst = files.toSorted((a, b) => (seconds[b] ?? unknown) - (seconds[a] ?? unknown));

function recorded(): Record<string, number> {
  try {
    return JSON.parse(readFileSync(record, 'utf8'));
  } catch {
    return {};
  }
}

function keepRecord(): void {
  try {
    mkdirSync(kept, { recursive: true });
    writeFileSync(record, JSON.stringify(seconds));
  } catch {
    // Next time their order is that of their names.
  }
}

/**
 * Graphs that the tests compile, kept for their next run. A user's cache holds too few for all files at once, so that each room
 * of them has one of its own; what other sources of compute/ led to will not be asked for again.
 */
function graphsFolder(): string {
  const all = join(kept, 'graphs');
  const current = toolchainHash().slice(0, 16);
  try {
    for (const name of readdirSync(all))
      if (name !== current) rmSync(join(all, name), { recursive: true, force: true });
  } catch {
    // There is none yet.
  }
  return join(all, current);
}
const graphs = values.folder === undefined && process.env.LAMBDAMAX_CACHE === undefined ? graphsFolder() : undefined;
const roomOf = (file: string) => relative(folder, file).split(sep)[0]!;

const interruption = new AbortController();
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.on(name, () => {
    interruption.abort();
    process.exit(128 + constants.signals[name]);
  });

const began = performance.now();
const sum = { total: 0, passed: 0, skipped: 0 };
const failed: string[] = [];

function add({ file, total, passed, skipped, output, fault, seconds: taken }: FileOutcome): void {
  const name = relative(folder, file).replaceAll('\\', '/');
  const lines = fault === undefined ? '' : `\n   FAIL  ${name}: ${fault}\n\n`;
  process.stdout.write(`${name}  ${taken.toFixed(1)} s\n${output}${lines}`);
  // A file that could not be run to its end is one more test, which failed.
  sum.total += total + (fault === undefined ? 0 : 1);
  sum.passed += passed;
  sum.skipped += skipped;
  if (fault !== undefined || passed < total) failed.push(name);
  if (total > 0) seconds[name] = taken;
}

await runFiles(
  longestFirst.map((path) => join(folder, path)),
  {
    processes: Math.min(Number(values.processes), files.length),
    limit: Number(values.limit),
    color: process.stdout.isTTY,
    ...(graphs !== undefined && { graphsOf: (file) => join(graphs, roomOf(file)) }),
    onFile: add,
  },
  interruption.signal,
);
if (values.folder === undefined) keepRecord();

if (failed.length > 0)
  process.stdout.write(
    `\n  Failed:\n${failed
      .toSorted()
      .map((name) => `    ${name}\n`)
      .join('')}`,
  );
process.stdout.write(
  `\n  Total:     ${sum.total}\n  Passed:    ${sum.passed}\n  Skipped:   ${sum.skipped}\n` +
    `  Duration:  ${((performance.now() - began) / 1000).toFixed(1)} s\n\n`,
);
process.exitCode = sum.total === 0 || failed.length > 0 ? 1 : 0;
