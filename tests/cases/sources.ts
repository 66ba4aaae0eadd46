import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** A file of the repository. */
export interface Source {
  /** From the root, with forward slashes: `compute/graph/node.ts`. */
  readonly path: string;
  readonly text: string;
}

/** The code that users get, and the entry point that runs it. */
export const shippedFolders = ['compute', 'numerics', 'workers', 'training', 'analysis', 'study', 'cli'] as const;

/** All TypeScript and JavaScript files below some folders of the repository. */
export function sourcesIn(...folders: readonly string[]): Source[] {
  const paths = folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((path) =>
      posix.join(folder, path.replaceAll('\\', '/')),
    ),
  );
  return paths.filter((path) => /\.m?[jt]s$/.test(path)).map((path) => ({ path, text: textOf(path) }));
}

/** A file of the repository as text. */
export function textOf(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

/** One import or re-export. */
export interface Import {
  /** A file of ours from the root, `compute/graph/node.ts`; one of others as written, `node:fs`. */
  readonly target: string;
  /** Nothing is left of it when the code runs. */
  readonly isTypeOnly: boolean;
}

/** The imports of a file: static ones, re-exports, dynamic ones and types by `typeof import()`. */
export function importsOf({ path, text }: Source): Import[] {
  const code = text.replaceAll(/^\s*(\/\/|\*|\/\*).*$/gm, '');
  const statements = code.matchAll(/^(?:import|export)\s+(type\s)?([^;'"]*?)\bfrom\s+'([^']+)'/gm);
  const bare = code.matchAll(/^import\s+'([^']+)'/gm);
  const dynamic = code.matchAll(/(\btypeof\s+)?\bimport\('([^']+)'\)/g);
  const written = [
    ...[...statements].map(([, type, names, target]) => ({
      target: target!,
      isTypeOnly: type !== undefined || isOnlyTypes(names!),
    })),
    ...[...bare].map(([, target]) => ({ target: target!, isTypeOnly: false })),
    ...[...dynamic].map(([, type, target]) => ({ target: target!, isTypeOnly: type !== undefined })),
  ];
  return written.map(({ target, isTypeOnly }) => ({
    target: target.startsWith('.') ? posix.join(posix.dirname(path), target) : target,
    isTypeOnly,
  }));
}

/** `{ type A, type B }`. */
function isOnlyTypes(names: string): boolean {
  const braced = /^\{([^}]*)\}\s*$/.exec(names.trim());
  return (
    braced !== null &&
    braced[1]!
      .split(',')
      .map((name) => name.trim())
      .every((name) => name === '' || name.startsWith('type '))
  );
}
