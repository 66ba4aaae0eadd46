import { createHash } from 'node:crypto';
import { createReadStream, existsSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { createRequire, isBuiltin } from 'node:module';
import { dirname, extname, join, resolve, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';

/**
 * What a module of the user's own computes with, as one number: the SHA-256, in hexadecimal, of its source and of all that the
 * source names in quotes, and so on from file to file. These are the modules that it imports or requires, the files whose names
 * begin with `./`, `../` or `/` (JSON, tables), and packages by name and version. A linked package is taken file by file. Names
 * alone count, not places: a project that was moved keeps its number. Node's own modules and lambdamax do not count. A name that
 * the code makes up as it runs cannot be followed.
 *
 * @throws the file system's error for a file that cannot be read.
 */
export async function moduleContent(file: string): Promise<string> {
  const whole = createHash('sha256');
  const seen = new Set<string>();
  const add = async (name: string, path: string): Promise<void> => {
    const real = realpathSync(path);
    if (seen.has(real) || isOurs(real)) return;
    seen.add(real);
    whole.update(`${name}\n${await hashFile(real)}\n`);
    if (isCode(real)) await follow(await readFile(real, 'utf8'), real);
  };
  const follow = async (source: string, from: string): Promise<void> => {
    for (const name of namesIn(source)) {
      const files = filesNamed(name, from);
      for (const path of files) await add(`${name} ${extname(path)}`, path);
      if (files.length > 0 || isPath(name)) continue;
      const known = packageOf(name, from);
      if (known === undefined || seen.has(known.folder)) continue;
      seen.add(known.folder);
      whole.update(`${known.name} ${known.version}\n`);
      if (known.isLinked)
        for (const path of await codeIn(known.folder)) await add(path.slice(known.folder.length), path);
    }
  };
  const entry = realpathSync(file);
  seen.add(entry);
  const source = await readFile(entry, 'utf8');
  whole.update(source);
  await follow(source, entry);
  return whole.digest('hex');
}

/** What stands in quotes after `from`, `import` or `require`, or beside `import.meta.url`, and what looks like a path. */
const named = [
  /\b(?:from|import|require(?:\.resolve)?)\s*\(?\s*(?<quote>['"`])(?<name>[^'"`\n]+)\k<quote>/g,
  /\bnew\s+URL\s*\(\s*(?<quote>['"`])(?<name>[^'"`\n]+)\k<quote>\s*,\s*import\.meta\.url/g,
  /(?<quote>['"`])(?<name>(?:\.{1,2}\/|\/|file:)[^'"`\n]+)\k<quote>/g,
];

function namesIn(source: string): string[] {
  const found = named.flatMap((pattern) => [...source.matchAll(pattern)].map(({ groups }) => groups!.name!));
  return [...new Set(found)].sort();
}

function isPath(name: string): boolean {
  return /^(\.{1,2}\/|\/|file:)/.test(name);
}

function isCode(path: string): boolean {
  return /\.[cm]?[jt]sx?$/.test(path);
}

/** The endings that a module's name may be written without, or (`.js` for `.ts`) in the place of. */
const endings = ['', '.ts', '.mts', '.cts', '.js', '.mjs', '.cjs', '.json'];

/** The files that a name may mean in a file: every one that is there, whichever of them a loader takes. */
function filesNamed(name: string, from: string): string[] {
  if (name.startsWith('#')) return resolved(name, from);
  const plain = name.replace(/[?#].*$/, '');
  let path: string;
  try {
    path = plain.startsWith('file:') ? fileURLToPath(plain) : resolve(dirname(from), plain);
  } catch {
    return [];
  }
  const stems = [path, path.replace(/\.([cm]?)js$/, ''), join(path, 'index')];
  const candidates = stems.flatMap((stem) => endings.map((ending) => `${stem}${ending}`));
  return [...new Set(candidates)].filter((candidate) => existsSync(candidate) && statSync(candidate).isFile());
}

function resolved(name: string, from: string): string[] {
  try {
    return [createRequire(from).resolve(name)];
  } catch {
    return [];
  }
}

interface KnownPackage {
  readonly name: string;
  readonly version: string;
  readonly folder: string;
  /** Its folder is no copy that a package manager made, so that the version does not say what is in it. */
  readonly isLinked: boolean;
}

/** The package that an import means; undefined for Node's own modules, for lambdamax, and where there is none. */
function packageOf(specifier: string, from: string): KnownPackage | undefined {
  const [name] = /^(@[^/]+\/)?[^/]+/.exec(specifier) ?? [];
  if (name === undefined || name === 'lambdamax' || isBuiltin(specifier)) return undefined;
  for (let folder = dirname(from); ; folder = dirname(folder)) {
    const place = join(folder, 'node_modules', name);
    if (existsSync(join(place, 'package.json'))) {
      const real = realpathSync(place);
      const { version = '' } = JSON.parse(readFileSync(join(real, 'package.json'), 'utf8')) as { version?: string };
      return { name, version, folder: real, isLinked: !real.includes(`${sep}node_modules${sep}`) };
    }
    if (folder === dirname(folder)) return undefined;
  }
}

async function codeIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const inner = await Promise.all(
    entries.map(async (entry): Promise<string[]> => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return /^(node_modules|\..*)$/.test(entry.name) ? [] : codeIn(path);
      return entry.isFile() && (isCode(path) || path.endsWith('.json')) ? [path] : [];
    }),
  );
  return inner.flat().sort();
}

/** Whether a file is lambdamax's own code, whose version stands for it. */
function isOurs(path: string): boolean {
  return ['analysis', 'compute', 'training'].some((name) => path.startsWith(join(packageFolder, name, sep)));
}

const packageFolder = realpathSync(fileURLToPath(new URL('..', import.meta.url)));

async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}
