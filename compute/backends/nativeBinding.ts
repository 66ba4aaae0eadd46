import { spawn } from 'node:child_process';
import { createWriteStream, existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm, stat, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { arch, platform } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { openPromise } from 'yauzl';
import { LambdamaxError } from '../../errors.ts';
import { cacheFolder } from '../cache/folder.ts';
import { nativePackages } from './tensorflowKernels.ts';

/** What was built, and from what. */
export interface NativeBinding {
  /** The npm package that it belongs to. */
  readonly package: string;
  readonly wheel: string;
  /** The folder that the wheel's library lies in; the binding needs it from now on. */
  readonly library: string;
}

const require = createRequire(import.meta.url);
const remedy = 'get one with `pip download --no-deps tensorflow` (or tensorflow-cpu)';

/**
 * Builds the native binding of TensorFlow.js against the libtensorflow inside an ordinary TensorFlow wheel, so that today's
 * TensorFlow (and its GPUs) serve an npm package that would download one of 2022. `wheel` is the file, or a folder with one.
 * Nothing is downloaded. Throws a LambdamaxError for what is no wheel of this platform, and for a compiler, Node's headers
 * or a package that is missing.
 */
export async function buildNativeBinding(wheel: string, say: (step: string) => void): Promise<NativeBinding> {
  const file = await findWheel(wheel);
  refuseOtherPlatforms(basename(file));
  const { name, folder } = nativePackage();
  const headers = nodeHeaders();
  for (const tool of ['make', process.env.CXX ?? 'g++', 'python3']) await requireTool(tool);

  say(`unpacking ${basename(file)}`);
  const library = await unpack(file, join(cacheFolder('tensorflow'), basename(file, '.whl')));
  say(`building the binding of ${name}`);
  await link(library, join(folder, 'deps'));
  const builder = createRequire(join(folder, 'package.json')).resolve('@mapbox/node-pre-gyp/bin/node-pre-gyp');
  const { code, output } = await finished(process.execPath, [builder, 'install', '--build-from-source'], {
    cwd: folder,
    // Else node-gyp downloads them.
    env: { ...process.env, npm_config_nodedir: headers },
  });
  if (code !== 0)
    throw new LambdamaxError({
      subject: `binding of ${name}`,
      expected: 'to compile',
      got: output.split('\n').find((line) => /error:|ERR!|Error/.test(line)) ?? `exit code ${code}`,
      remedy: `run \`node ${builder} install --build-from-source\` in ${folder} to see all of it`,
    });
  return { package: name, wheel: file, library };
}

/** The wheel itself, or the only one of TensorFlow in a folder. */
async function findWheel(path: string): Promise<string> {
  const fault = (got: string) => new LambdamaxError({ subject: path, expected: 'a TensorFlow wheel', got, remedy });
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) throw fault('no such file');
  if (!found.isDirectory()) {
    if (!isWheel(basename(path))) throw fault('a file of another name than tensorflow-*.whl');
    return resolve(path);
  }
  const wheels = (await readdir(path)).filter(isWheel);
  if (wheels.length !== 1) throw fault(wheels.length === 0 ? 'a folder without one' : `several: ${wheels.join(', ')}`);
  return resolve(path, wheels[0]!);
}

function isWheel(name: string): boolean {
  return /^tensorflow(_\w+)?-\d.*\.whl$/.test(name);
}

/** The last part of a wheel's name says what it runs on: manylinux_2_27_x86_64, say. PEP 425. */
function refuseOtherPlatforms(name: string): void {
  const here = { x64: 'x86_64', arm64: 'aarch64' }[arch() as string] ?? arch();
  const tag = basename(name, '.whl').split('-').at(-1)!;
  if (platform() !== 'linux')
    throw new LambdamaxError({
      subject: 'setup tensorflow',
      expected: 'Linux, whose wheels hold a library to build against',
      got: platform(),
      remedy: 'use the backend onnx or wasm',
    });
  if (!(tag.includes('linux') && tag.endsWith(here)))
    throw new LambdamaxError({ subject: name, expected: `a wheel for linux ${here}`, got: tag, remedy });
}

function nativePackage(): { readonly name: string; readonly folder: string } {
  for (const name of nativePackages)
    try {
      return { name, folder: dirname(require.resolve(`${name}/package.json`)) };
    } catch {
      // The next one may be there.
    }
  throw new LambdamaxError({
    subject: nativePackages[0],
    expected: 'to be installed',
    got: 'no such package',
    remedy: `run \`npm install --ignore-scripts ${nativePackages[0]}\` first`,
  });
}

/** The folder above include/node, which node-gyp calls nodedir. */
function nodeHeaders(): string {
  const folders = [process.env.npm_config_nodedir, dirname(dirname(process.execPath)), '/usr/local', '/usr'];
  const found = folders.find((folder) => folder && existsSync(join(folder, 'include', 'node', 'node_api.h')));
  if (found !== undefined) return found;
  throw new LambdamaxError({
    subject: "Node's headers",
    expected: `include/node/node_api.h beside ${process.execPath}`,
    got: 'no such file',
    remedy: 'install them (nodejs-dev), or set npm_config_nodedir to the folder above include/node',
  });
}

async function requireTool(tool: string): Promise<void> {
  const { code } = await finished(tool, ['--version'], {}).catch(() => ({ code: -1 }));
  if (code !== 0)
    throw new LambdamaxError({
      subject: tool,
      expected: 'to be there, for compiling the binding',
      got: 'no such command',
      remedy: 'install a C++ compiler, make and Python: `apt-get install build-essential python3`',
    });
}

const libraries = ['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2'] as const;

/** Libraries and headers of the wheel in `folder`, all of them or none. */
async function unpack(wheel: string, folder: string): Promise<string> {
  if (existsSync(folder)) return folder;
  await mkdir(dirname(folder), { recursive: true });
  const unfinished = await mkdtemp(`${folder}-`);
  try {
    await unpackInto(wheel, unfinished);
    for (const library of libraries)
      if (!existsSync(join(unfinished, library))) throw new Error(`no tensorflow/${library} in it`);
    await rename(unfinished, folder);
    return folder;
  } catch (cause) {
    throw new LambdamaxError({
      subject: wheel,
      expected: 'a TensorFlow wheel with libtensorflow in it',
      got: (cause as Error).message,
      remedy,
      cause,
    });
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
}

async function unpackInto(wheel: string, folder: string): Promise<void> {
  // yauzl refuses names that lead out of the folder.
  const zip = await openPromise(wheel);
  for await (const entry of zip.eachEntry()) {
    const wanted = /^tensorflow\/(libtensorflow_(?:cc|framework)\.so\.2|include\/(?:tensorflow|tsl|xla)\/.*\.h)$/;
    const name = wanted.exec(entry.fileName)?.[1];
    if (name === undefined) continue;
    const path = join(folder, name);
    await mkdir(dirname(path), { recursive: true });
    await pipeline(await zip.openReadStreamPromise(entry), createWriteStream(path));
  }
}

/** The library under the names by which the binding's build asks for it. */
async function link(library: string, deps: string): Promise<void> {
  await rm(deps, { recursive: true, force: true });
  await mkdir(join(deps, 'lib'), { recursive: true });
  await symlink(join(library, 'include'), join(deps, 'include'));
  const names = [
    ['libtensorflow.so', 'libtensorflow_cc.so.2'],
    ['libtensorflow_cc.so.2', 'libtensorflow_cc.so.2'],
    ['libtensorflow_framework.so', 'libtensorflow_framework.so.2'],
    ['libtensorflow_framework.so.2', 'libtensorflow_framework.so.2'],
  ] as const;
  for (const [name, file] of names) await symlink(join(library, file), join(deps, 'lib', name));
}

/** Runs a command to its end; what it wrote is kept. */
function finished(
  command: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv },
): Promise<{ readonly code: number | null; readonly output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk) => {
        output += chunk;
      });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, output }));
  });
}
