import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';

/** The SHA-256 of these texts and bytes in this order, hexadecimal; where one ends and the next begins counts. */
export function contentHash(parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) {
    const bytes = typeof part === 'string' ? Buffer.from(part) : part;
    hash.update(`${bytes.byteLength}:`).update(bytes);
  }
  return hash.digest('hex');
}

/** What a compiled graph owes to others than the loss: code of compute/, TensorFlow.js, ONNX Runtime and the processor. */
export function toolchainHash(): string {
  known ??= contentHash([
    ...sources(fileURLToPath(new URL('..', import.meta.url))),
    ...['@tensorflow/tfjs', 'onnxruntime-node'].map(versionOf),
    `${process.platform} ${process.arch} ${cpus()[0]?.model}`,
  ]);
  return known;
}

let known: string | undefined;

/** The SHA-256 of a folder's code, that of the folders in it included: what is made by other code has another. */
export function codeHash(folder: URL): string {
  const path = fileURLToPath(folder);
  const hash = knownCode.get(path) ?? contentHash(sources(path));
  knownCode.set(path, hash);
  return hash;
}

const knownCode = new Map<string, string>();

/** The files of a folder and of those in it, names and contents: sources in a clone, compiled code elsewhere. */
function sources(folder: string): (string | Uint8Array)[] {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.[jt]s$/.test(name))
    .sort();
  return files.flatMap((name) => [name, readFileSync(`${folder}/${name}`)]);
}

function versionOf(name: string): string {
  const require = createRequire(import.meta.url);
  return `${name} ${(require(`${name}/package.json`) as { version: string }).version}`;
}
