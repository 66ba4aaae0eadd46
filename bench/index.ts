/** `npm run bench -- NAME [options]`: measures lambdamax, against others where they are found. */

import { parseArgs } from 'node:util';
import { LambdamaxError, UsageError } from '../errors.ts';
import { type HvpOptions, hvp } from './hvp.ts';
import { type ModelName, models } from './models.ts';
import { profile, profileLines } from './profile.ts';
import { tables } from './rows.ts';

const usage = `npm run bench -- hvp|profile [options]

hvp: time, memory and part of the machine's GEMM peak of a Llama's loss, gradient and Hessian-vector products, against
PyTorch and JAX where a Python with them is found. Every measurement is a process of its own; subjects take turns.
profile: the time of each kind of node in our linearised product, against what it takes at the least.

  --models NAME,NAME    ${Object.keys(models).join(', ')} (small,medium)
  --threads N,N         (1,2)
  --backends NAME,NAME  of ours: onnx, tensorflow, wasm (onnx)
  --quantities NAME,..  forward, gradient, product, product linearised, gemm (all of them)
  --rounds N            processes of each (5)
  --repeats N           measurements in each process (10)
  --seconds X           no new measurement in a process after so long (5)
  --quick               one round of three, the small model
  --no-peers            lambdamax alone
  --python PATH         a Python with NumPy, PyTorch and JAX: bench/peers/requirements.txt (bench/.venv, or python3)
  --json                one object on standard output
`;

/** What a bench has found: for `--json`, and in words. */
interface Outcome {
  readonly json: object;
  readonly lines: readonly string[];
}

/** The benches by name; each takes the same options, as far as it knows them. */
const benches: Readonly<Record<string, (options: HvpOptions, say: (line: string) => void) => Promise<Outcome>>> = {
  async hvp(options, say) {
    const result = await hvp(options, say);
    return { json: result, lines: tables(result) };
  },
  async profile({ models, threads, repeats }) {
    const profiles = [];
    for (const model of models) for (const count of threads) profiles.push(await profile(model, count, repeats));
    return { json: profiles, lines: profiles.flatMap((one) => ['', ...profileLines(one)]) };
  },
};

const text = { type: 'string' } as const;
const flag = { type: 'boolean' } as const;

async function main(argv: readonly string[]): Promise<void> {
  const { positionals, values } = parse(argv);
  if (values.help) return void process.stdout.write(usage);
  const bench = benches[positionals[0] ?? ''];
  if (bench === undefined || positionals.length > 1)
    throw new UsageError({ subject: 'command line', expected: Object.keys(benches).join(' or '), got: positionals });
  const quick = values.quick === true;
  const result = await bench(
    {
      models: list(values.models ?? (quick ? 'small' : 'small,medium')).map(modelName),
      threads: list(values.threads ?? '1,2').map((threads) => number('threads', threads)),
      backends: list(values.backends ?? 'onnx'),
      peers: values['no-peers'] !== true,
      python: values.python,
      quantities: values.quantities === undefined ? undefined : list(values.quantities),
      rounds: number('rounds', values.rounds ?? (quick ? '1' : '5')),
      repeats: number('repeats', values.repeats ?? (quick ? '3' : '10')),
      seconds: number('seconds', values.seconds ?? '5'),
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
        python: text,
        quick: flag,
        'no-peers': flag,
        json: flag,
        help: flag,
      },
    });
  } catch (cause) {
    throw new UsageError({ subject: 'command line', expected: 'known options', got: (cause as Error).message, cause });
  }
}

function list(given: string): string[] {
  return given.split(',').map((item) => item.trim());
}

function modelName(given: string): ModelName {
  if (Object.hasOwn(models, given)) return given as ModelName;
  throw new UsageError({ subject: '--models', expected: Object.keys(models).join(', '), got: given });
}

function number(option: string, given: string): number {
  const value = Number(given);
  if (value > 0) return value;
  throw new UsageError({ subject: `--${option}`, expected: 'a number above 0', got: given });
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof LambdamaxError)) throw error;
  process.stderr.write(`bench: ${error.message}\n`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
