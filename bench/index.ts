/** `npm run bench -- NAME [options]`: measures lambdamax, against others where they are found. */

import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { ArgumentError, LambdamaxError } from '../errors.ts';
import { boundLines, bounds } from './bounds.ts';
import { generation, generationLines } from './generate.ts';
import { type HvpOptions, hvp } from './hvp.ts';
import { large, largeLines, largeModel } from './large.ts';
import { type ModelName, models } from './models.ts';
import { perModule } from './perModule.ts';
import { profile, profiled, profileLines } from './profile.ts';
import { recommended, recommendLines } from './recommend.ts';
import { tables } from './rows.ts';
import { soak, soakLines } from './soak.ts';
import { spectrum } from './spectrum.ts';
import { spectrumTables } from './spectrumRows.ts';
import { stopping, stoppingLines } from './stopping.ts';
import { taskLines, tasks } from './tasks.ts';
import { train } from './train.ts';

const usage = `npm run bench -- hvp|train|spectrum|stopping|bounds|per-module|profile|generate|tasks|recommend|soak|large [options]

hvp: time, memory and part of the machine's GEMM peak of a Llama's loss, gradient and Hessian-vector products, against
PyTorch and JAX where a Python with them is found. Every measurement is a process of its own; subjects take turns.
train: time and memory of a training step, AdamW on LoRA, against PEFT on PyTorch in the same way.
spectrum: time of the largest eigenvalue of a whole adapter to a true error of 1e-3, against the searches of others.
stopping: how far from the truth searches stop: ours, the paper's, PyHessian's; where the eigenvalues are known.
bounds: how far lambda_max and lambda_min in float32 are from float64, against their error bounds.
per-module: time of the largest eigenvalue of every module's own block, by products of blocks and of the whole.
profile: the time of each kind of node in our gradient and linearised product, against what it takes at the least.
generate: 64 x 64 tokens generated and 500 problems teacher-forced, with the bundled model.
tasks: accuracy of the bundled model on its four families of tasks, before and after fine-tuning.
recommend: the rates of recommend, and others, against full sweeps; runs what --dir does not have yet (hours, resumed at will).
soak: resident memory after so many linearised products in one process, of one batch and of changing ones.
large: set-up, memory and a product of 535 million random weights in BF16, written into a folder first (1.1 GB).

  --models NAME,NAME    ${Object.keys(models).join(', ')} (small,medium; stopping, per-module and soak: small)
  --threads N,N         (1,2; per-module, soak and large: as many as there are cores)
  --backends NAME,NAME  of ours: onnx, tensorflow, wasm (onnx)
  --quantities NAME,..  forward, gradient, product, product linearised, gemm (all of them)
  --rounds N            processes of each (5), start vectors (spectrum), or runs (per-module)
  --repeats N           measurements in each process (10)
  --seconds X           no new measurement in a process after so long (5)
  --quick               one round of three, the small model
  --no-peers            lambdamax alone
  --tasks NAME,NAME     families (math,commonsense,code,instructions)
  --cases N             random blocks of stopping and bounds (200)
  --products N          of soak (5000) and large (5)
  --dir PATH            where large keeps its checkpoint (.cache/bench/large), recommend its runs (fixtures/results)
  --stored              recommend: only what --dir has, nothing is run
  --steps N,N           of recommend's runs (100,1000)
  --methods NAME,NAME   of recommend (lora,dora,pissa,olora,lora-ga)
  --ranks N,N           of recommend (2,8,32)
  --model DIR           of recommend (the bundled base)
  --python PATH         a Python with NumPy, PyTorch and JAX: bench/peers/requirements.txt (bench/.venv, or python3)
  --by-shape            profile: nodes of different shapes apart
  --json                one object on standard output
`;

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
  readonly methods: readonly string[];
  readonly ranks: readonly number[];
  readonly model: string | undefined;
  /** Whether a profile tells nodes of different shapes apart. */
  readonly byShape: boolean;
}

/** A bench, and its defaults where they are its own. */
interface Bench {
  readonly models?: string;
  readonly threads?: string;
  readonly products?: string;
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
    async run({ folder, stored, steps, methods, ranks, threads, model }, say) {
      const options = { stored, steps, methods, ranks, threads: threads[0]!, ...(model !== undefined && { model }) };
      const found = await recommended({ ...options, folder: folder ?? own('fixtures/results') }, say);
      return { json: found, lines: recommendLines(found) };
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
};

const text = { type: 'string' } as const;
const flag = { type: 'boolean' } as const;

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
      rounds: number('rounds', values.rounds ?? (quick ? '1' : '5')),
      repeats: number('repeats', values.repeats ?? (quick ? '3' : '10')),
      seconds: number('seconds', values.seconds ?? '5'),
      cases: number('cases', values.cases ?? '200'),
      tasks: list(values.tasks ?? 'math,commonsense,code,instructions'),
      products: number('products', values.products ?? bench.products ?? '1'),
      byShape: values['by-shape'] === true,
      folder: values.dir,
      stored: values.stored === true,
      steps: list(values.steps ?? '100,1000').map((steps) => number('steps', steps)),
      methods: list(values.methods ?? 'lora,dora,pissa,olora,lora-ga'),
      ranks: list(values.ranks ?? '2,8,32').map((rank) => number('ranks', rank)),
      model: values.model,
    },
    (line) => process.stderr.write(`${line}\n`),
  );
  process.stdout.write(`${values.json ? JSON.stringify(result.json, null, 2) : result.lines.join('\n')}\n`);
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        models: text,
        threads: text,
        backends: text,
        quantities: text,
        rounds: text,
        repeats: text,
        seconds: text,
        cases: text,
        tasks: text,
        products: text,
        dir: text,
        stored: flag,
        steps: text,
        methods: text,
        ranks: text,
        model: text,
        python: text,
        quick: flag,
        'no-peers': flag,
        'by-shape': flag,
        json: flag,
        help: flag,
      },
    });
  } catch (cause) {
    throw new ArgumentError({
      subject: 'command line',
      expected: 'known options',
      got: (cause as Error).message,
      cause,
    });
  }
}

function list(given: string): string[] {
  return given.split(',').map((item) => item.trim());
}

/** A folder of the repository. */
function own(path: string): string {
  return fileURLToPath(new URL(`../${path}`, import.meta.url));
}

function modelName(given: string): ModelName {
  if (Object.hasOwn(models, given)) return given as ModelName;
  throw new ArgumentError({ subject: '--models', expected: Object.keys(models).join(', '), got: given });
}

function number(option: string, given: string): number {
  const value = Number(given);
  if (value > 0) return value;
  throw new ArgumentError({ subject: `--${option}`, expected: 'a number above 0', got: given });
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof LambdamaxError)) throw error;
  process.stderr.write(`bench: ${error.message}\n`);
  process.exitCode = error instanceof ArgumentError ? 2 : 1;
}
