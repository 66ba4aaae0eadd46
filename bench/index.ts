/** `npm run bench -- NAME [options]`: measures lambdamax, against others where they are found. */

import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { ArgumentError, LambdamaxError } from '../errors.ts';
import { boundLines, bounds } from './bounds.ts';
import { list, number, parse } from './commandLine.ts';
import { generation, generationLines } from './generate.ts';
import { type HvpOptions, hvp } from './hvp.ts';
import { large, largeLines, largeModel } from './large.ts';
import { lawLines, laws } from './laws.ts';
import { type ModelName, models } from './models.ts';
import { perModule } from './perModule.ts';
import { profile, profiled, profileLines } from './profile.ts';
import { real } from './real/real.ts';
import { realLines } from './real/rows.ts';
import { type Part, parts } from './real/subjects.ts';
import { type SetName, setNamed } from './recommend/configurations.ts';
import { type RecommendPart, recommended, recommendLines, recommendParts } from './recommend.ts';
import { tables } from './rows.ts';
import { soak, soakLines } from './soak.ts';
import { spectrum } from './spectrum.ts';
import { spectrumTables } from './spectrumRows.ts';
import { stopping, stoppingLines } from './stopping.ts';
import { taskLines, tasks } from './tasks.ts';
import { train } from './train.ts';
import { usage } from './usage.ts';

/** What a bench has found: for `--json`, and in words. */
interface Outcome {
  readonly json: object;
  readonly lines: readonly string[];
}

/** What the command line says, for whom it may concern. */
interface BenchOptions extends HvpOptions {
  readonly products: number;
  readonly cases: number;
  readonly tasks: readonly string[];
  /** Undefined: each bench has its own. */
  readonly folder: string | undefined;
  readonly stored: boolean;
  readonly steps: readonly number[];
  readonly set: SetName;
  readonly seeds: readonly number[];
  readonly only: readonly RecommendPart[];
  /** Undefined: all of the set. */
  readonly methods: readonly string[] | undefined;
  readonly ranks: readonly number[] | undefined;
  readonly model: string | undefined;
  readonly data: string | undefined;
  readonly parts: readonly string[];
  readonly rows: number;
  readonly batches: number;
  readonly maxLength: number;
  readonly tokens: number;
  readonly prompts: number;
  readonly newTokens: number;
  /** Whether a profile tells nodes of different shapes apart. */
  readonly byShape: boolean;
}

/** A bench, and its defaults where they are its own. */
interface Bench {
  readonly models?: string;
  readonly threads?: string;
  readonly products?: string;
  readonly rounds?: string;
  readonly repeats?: string;
  run(options: BenchOptions, say: (line: string) => void): Promise<Outcome>;
}

const cores = String(availableParallelism());

const benches: Readonly<Record<string, Bench>> = {
  hvp: {
    async run(options, say) {
      const result = await hvp(options, say);
      return { json: result, lines: tables(result) };
    },
  },
  train: {
    async run(options, say) {
      const result = await train(options, say);
      return { json: result, lines: tables(result) };
    },
  },
  spectrum: {
    async run(options, say) {
      const result = await spectrum(options, say);
      return { json: result, lines: spectrumTables(result) };
    },
  },
  stopping: {
    models: 'small',
    threads: cores,
    async run({ models, threads, cases }, say) {
      const rows = await stopping({ count: cases, models, threads: threads[0]! }, say);
      return { json: rows, lines: stoppingLines(rows) };
    },
  },
  bounds: {
    models: 'small',
    threads: cores,
    async run({ cases }, say) {
      const rows = await bounds(cases, say);
      return { json: rows, lines: boundLines(rows) };
    },
  },
  'per-module': {
    models: 'small',
    threads: cores,
    async run(options, say) {
      const result = await perModule(options, say);
      return { json: result, lines: tables(result) };
    },
  },
  profile: {
    async run({ models, threads, repeats, quantities, byShape }) {
      const profiles = [];
      for (const model of models)
        for (const count of threads)
          for (const quantity of profiled)
            if (quantities?.includes(quantity) ?? true)
              profiles.push(await profile(model, { quantity, threads: count, repeats, byShape }));
      return { json: profiles, lines: profiles.flatMap((one) => ['', ...profileLines(one)]) };
    },
  },
  generate: {
    async run({ threads, repeats }) {
      const found = [];
      for (const count of threads) found.push(await generation(count, repeats));
      return { json: found, lines: found.flatMap((one) => ['', ...generationLines(one)]) };
    },
  },
  tasks: {
    threads: cores,
    async run(options, say) {
      const rows = await tasks(options.tasks, options.threads[0]!, say);
      return { json: rows, lines: taskLines(rows) };
    },
  },
  recommend: {
    threads: '1',
    async run({ folder, stored, set, seeds, steps, methods, ranks, only, threads, model }, say) {
      const options = {
        ...{ stored, set, seeds, steps, only, threads: threads[0]! },
        ...{ ...(methods && { methods }), ...(ranks && { ranks }), ...(model !== undefined && { model }) },
      };
      const found = await recommended({ ...options, folder: folder ?? own('fixtures/results') }, say);
      return { json: found, lines: recommendLines(found) };
    },
  },
  laws: {
    async run() {
      const rows = laws();
      return { json: rows, lines: lawLines(rows) };
    },
  },
  soak: {
    models: 'small',
    threads: cores,
    products: '5000',
    async run({ models, threads, products }, say) {
      const soaks = [];
      for (const model of models) for (const count of threads) soaks.push(...(await soak(model, count, products, say)));
      return { json: soaks, lines: soaks.flatMap((one) => ['', ...soakLines(one)]) };
    },
  },
  large: {
    threads: cores,
    products: '5',
    async run({ folder, threads, products }, say) {
      const found = [];
      for (const count of threads)
        found.push(await large(folder ?? own('.cache/bench/large'), largeModel, { threads: count, products }, say));
      return { json: found, lines: found.flatMap((one) => ['', ...largeLines(one)]) };
    },
  },
  real: {
    threads: cores,
    rounds: '3',
    repeats: '1',
    async run({ model, data, ...options }, say) {
      if (model === undefined || data === undefined)
        throw new ArgumentError({ subject: 'bench real', expected: '--model DIR and --data FILE', got: 'not both' });
      const found = await real({ ...options, model, data, parts: options.parts.map(partName) }, say);
      return { json: found, lines: realLines(found) };
    },
  },
};

async function main(argv: readonly string[]): Promise<void> {
  const { positionals, values } = parse(argv);
  if (values.help) return void process.stdout.write(usage);
  const bench = benches[positionals[0] ?? ''];
  if (bench === undefined || positionals.length > 1)
    throw new ArgumentError({ subject: 'command line', expected: Object.keys(benches).join(' or '), got: positionals });
  const quick = values.quick === true;
  const result = await bench.run(
    {
      models: list(values.models ?? bench.models ?? (quick ? 'small' : 'small,medium')).map(modelName),
      threads: list(values.threads ?? bench.threads ?? '1,2').map((threads) => number('threads', threads)),
      backends: list(values.backends ?? 'onnx'),
      peers: values['no-peers'] !== true,
      python: values.python,
      quantities: values.quantities === undefined ? undefined : list(values.quantities),
      rounds: number('rounds', values.rounds ?? (quick ? '1' : (bench.rounds ?? '5'))),
      repeats: number('repeats', values.repeats ?? bench.repeats ?? (quick ? '3' : '10')),
      seconds: number('seconds', values.seconds ?? '5'),
      cases: number('cases', values.cases ?? '200'),
      tasks: list(values.tasks ?? 'math,commonsense,code,instructions'),
      products: number('products', values.products ?? bench.products ?? '1'),
      byShape: values['by-shape'] === true,
      folder: values.dir,
      stored: values.stored === true,
      steps: list(values.steps ?? '100,1000').map((steps) => number('steps', steps)),
      set: setNamed(values.set ?? 'tuned'),
      only: list(values.only ?? recommendParts.join(',')).map(recommendPartName),
      seeds: list(values.seeds ?? '1').map((seed) => number('seeds', seed)),
      methods: values.methods === undefined ? undefined : list(values.methods),
      ranks: values.ranks === undefined ? undefined : list(values.ranks).map((rank) => number('ranks', rank)),
      model: values.model,
      data: values.data,
      parts: list(values.parts ?? parts.join(',')),
      rows: number('rows', values.rows ?? '4'),
      batches: number('batches', values.batches ?? '1'),
      maxLength: number('max-length', values['max-length'] ?? '160'),
      tokens: number('tokens', values.tokens ?? '100'),
      prompts: number('prompts', values.prompts ?? '16'),
      newTokens: number('new-tokens', values['new-tokens'] ?? '64'),
    },
    (line) => process.stderr.write(`${line}\n`),
  );
  process.stdout.write(`${values.json ? JSON.stringify(result.json, null, 2) : result.lines.join('\n')}\n`);
}

/** A folder of the repository. */
function own(path: string): string {
  return fileURLToPath(new URL(`../${path}`, import.meta.url));
}

function modelName(given: string): ModelName {
  if (Object.hasOwn(models, given)) return given as ModelName;
  throw new ArgumentError({ subject: '--models', expected: Object.keys(models).join(', '), got: given });
}

function partName(given: string): Part {
  const part = parts.find((name) => name === given);
  if (part !== undefined) return part;
  throw new ArgumentError({ subject: '--parts', expected: parts.join(', '), got: given });
}

function recommendPartName(given: string): RecommendPart {
  const part = recommendParts.find((name) => name === given);
  if (part !== undefined) return part;
  throw new ArgumentError({ subject: '--only', expected: recommendParts.join(', '), got: given });
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof LambdamaxError)) throw error;
  process.stderr.write(`bench: ${error.message}\n`);
  process.exitCode = error instanceof ArgumentError ? 2 : 1;
}
