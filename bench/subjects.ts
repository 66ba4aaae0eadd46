import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { LambdamaxError } from '../errors.ts';
import type { Searcher } from './eigenvalue.ts';
import { finished, type Quantity, type Subject } from './subject.ts';

const own = ['forward', 'gradient', 'product', 'product linearised', 'gemm'] as const satisfies Quantity[];
const all = ['forward', 'gradient', 'product'] as const satisfies Quantity[];

function path(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url));
}

/** lambdamax on one backend. */
export function lambdamax(backend: string, precision = 'float32'): Subject {
  return ownSubject('./subjects/lambdamax.ts', own, backend, precision);
}

/** Its training loop. */
export function lambdamaxTraining(backend: string, precision = 'float32'): Subject {
  return ownSubject('./subjects/train.ts', ['step'], backend, precision);
}

function ownSubject(script: string, known: readonly Quantity[], backend: string, precision: string): Subject {
  const [command, ...args] = scriptCommand(script);
  return {
    name: precision === 'float32' ? `lambdamax ${backend}` : `lambdamax ${backend} ${precision}`,
    command,
    arguments: [...args, '--backend', backend, '--precision', precision],
    quantities: known,
  };
}

/** The command line that starts a script of ours, by its path from here. */
export function scriptCommand(script: string): [command: string, ...args: string[]] {
  const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
  return [process.execPath, '--import', tsx, path(script)];
}

/** Ways of others to the same numbers: a package of Python's, a script's mode, and what it measures. */
const peers = [
  { name: 'torch', needs: 'torch', script: 'torch_hvp', mode: 'eager', quantities: all },
  {
    name: 'torch retained',
    needs: 'torch',
    script: 'torch_hvp',
    mode: 'retained',
    quantities: ['product linearised'],
  },
  { name: 'torch func', needs: 'torch', script: 'torch_hvp', mode: 'func', quantities: ['product'] },
  { name: 'jax', needs: 'jax', script: 'jax_hvp', mode: 'jit', quantities: all },
  { name: 'jax linearize', needs: 'jax', script: 'jax_hvp', mode: 'linearize', quantities: ['product linearised'] },
  { name: 'peft', needs: 'peft', script: 'torch_train', mode: 'sdpa', quantities: ['step'] },
  { name: 'peft eager', needs: 'peft', script: 'torch_train', mode: 'eager', quantities: ['step'] },
  { name: 'paper', needs: 'torch', script: 'torch_eigenvalue', mode: 'paper', quantities: ['lambdaMax'] },
  { name: 'pyhessian', needs: 'pyhessian', script: 'torch_eigenvalue', mode: 'pyhessian', quantities: ['lambdaMax'] },
  {
    name: 'hessian-eigenthings',
    needs: 'hessian-eigenthings',
    script: 'torch_eigenvalue',
    mode: 'hessian-eigenthings',
    quantities: ['lambdaMax'],
  },
  {
    name: 'curvlinops',
    needs: 'curvlinops-for-pytorch',
    script: 'torch_eigenvalue',
    mode: 'curvlinops',
    quantities: ['lambdaMax'],
  },
  { name: 'jax linearize', needs: 'jax', script: 'jax_eigenvalue', mode: 'linearize', quantities: ['lambdaMax'] },
  { name: 'jax linearize warm', needs: 'jax', script: 'jax_eigenvalue', mode: 'warm', quantities: ['lambdaMax'] },
] as const;

/** The peers that a Python can run, with the versions of what they stand on. */
export interface Peers {
  readonly subjects: readonly Subject[];
  /** The Python. */
  readonly command: string;
  readonly versions: Readonly<Record<string, string>>;
}

/**
 * Peers in this Python; if none is named, in bench/.venv or, failing that, `python3`. Throws a LambdamaxError if a named one
 * does not start, or has neither PyTorch nor JAX.
 */
export async function findPeers(python: string | undefined): Promise<Peers> {
  const usual = path('./.venv/bin/python');
  const command = python ?? (existsSync(usual) ? usual : 'python3');
  const versions = await versionsIn(command);
  if (python !== undefined && Object.keys(versions).length === 0)
    throw new LambdamaxError({
      subject: `--python ${python}`,
      expected: 'a Python with NumPy, and PyTorch or JAX',
      got: 'neither',
      remedy: `run \`${python} -m pip install -r ${path('./peers/requirements.txt')}\``,
    });
  const subjects = peers
    .filter(({ needs }) => versions[needs] !== undefined)
    .map(({ name, script, mode, quantities }) => ({
      name,
      command,
      arguments: [path(`./peers/${script}.py`), '--mode', mode],
      quantities,
    }));
  return { subjects, command, versions };
}

/** The peers of {@link Peers} that search for the largest eigenvalue. */
export function searchersOf({ subjects, versions }: Peers): Searcher[] {
  const version = JSON.stringify(versions);
  return subjects
    .filter(({ quantities }) => quantities.includes('lambdaMax'))
    .map(({ name, command, arguments: args }) => ({
      ...{ name, command, arguments: args, version },
      ...(name === 'jax linearize warm' && { settingsOf: 'jax linearize' }),
    }));
}

/** Modules by the names of their packages. */
const modules = {
  torch: 'torch',
  jax: 'jax',
  peft: 'peft',
  transformers: 'transformers',
  pyhessian: 'pyhessian',
  'hessian-eigenthings': 'hessian_eigenthings',
  'curvlinops-for-pytorch': 'curvlinops',
};

/** The versions of the packages that this Python can import, by their names. */
async function versionsIn(python: string): Promise<Record<string, string>> {
  const code = `
import importlib, json, numpy
from importlib.metadata import version
found = {}
for package, module in json.loads('${JSON.stringify(modules)}').items():
    try:
        importlib.import_module(module)
        found[package] = version(package)
    except ImportError:
        pass
print(json.dumps(found))`;
  const found = await finished(python, ['-c', code]).catch(() => undefined);
  return found?.code === 0 ? JSON.parse(found.stdout.trimEnd().split('\n').at(-1)!) : {};
}
