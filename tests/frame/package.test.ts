import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { importsOf, shippedFolders, sourcesIn, textOf } from '../cases/sources.ts';

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
  readonly optionalDependencies: Readonly<Record<string, string>>;
  readonly exports: Readonly<Record<string, unknown>>;
}

const manifest = JSON.parse(textOf('package.json')) as Manifest;
const shipped = sourcesIn(...shippedFolders);

/** `@scope/name/part` and `name/part` without the part; undefined for Node's own and for our files. */
function packageOf(target: string): string | undefined {
  if (target.startsWith('node:') || target.endsWith('.ts') || target.endsWith('.js')) return undefined;
  return /^(@[^/]+\/)?[^/]+/.exec(target)![0];
}

test('every package that shipped code imports is a dependency', () => {
  const declared = { ...manifest.dependencies, ...manifest.optionalDependencies };
  const missing = shipped
    .flatMap((source) => importsOf(source).filter(({ isTypeOnly }) => !isTypeOnly))
    .flatMap(({ target }) => packageOf(target) ?? [])
    .filter((name) => declared[name] === undefined);
  assert.equal(missing, []);
});

test('every dependency is used by shipped code', () => {
  const unused = Object.keys(manifest.dependencies).filter(
    (name) => !shipped.some(({ text }) => text.includes(`'${name}'`) || text.includes(`'${name}/`)),
  );
  assert.equal(unused, []);
});

test('every version is one that the lock holds, and the lock names no registry', () => {
  const lock = JSON.parse(textOf('package-lock.json')) as {
    packages: Record<string, { version?: string; resolved?: string; link?: boolean } & Partial<Manifest>>;
  };
  const { dependencies, devDependencies, optionalDependencies } = lock.packages['']!;
  assert.equal(
    { dependencies, devDependencies, optionalDependencies },
    {
      dependencies: manifest.dependencies,
      devDependencies: manifest.devDependencies,
      optionalDependencies: manifest.optionalDependencies,
    },
  );
  // A link leads to a workspace of ours.
  const located = Object.values(lock.packages).flatMap(({ resolved, link }) => (link ? [] : (resolved ?? [])));
  assert.equal(located, []);
});

test('every entry of the library is a file that lists its exports', () => {
  const entries = Object.keys(manifest.exports).filter((name) => name !== './package.json');
  assert.equal(entries, ['./analysis', './compute', './study', './training']);
  for (const entry of entries) {
    const lines = textOf(`${entry}/index.ts`).split('\n');
    const paths = lines.flatMap((line) => /from '(.*)';$/.exec(line)?.[1] ?? []);
    assert.ok(paths.length > 5);
    assert.equal(paths, [...new Set(paths)], `${entry} exports a file twice`);
  }
});

test('every test file runs its tests, and runs all of them', () => {
  const tests = sourcesIn('tests').filter(({ path }) => path.endsWith('.test.ts'));
  assert.ok(tests.length > 40, `only ${tests.length} test files were found`);
  const silent = tests.filter(({ text }) => !text.trimEnd().endsWith('\ntest.run();'));
  assert.equal(
    silent.map(({ path }) => path),
    [],
    'files without test.run() at their end',
  );
  const partial = tests.filter(({ text }) => /^\s*test\.only\(/m.test(text));
  assert.equal(
    partial.map(({ path }) => path),
    [],
    'files with test.only',
  );
});

test.run();
