import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileFault } from '../checkpoint/files.ts';

/** Variables of the environment, by name. */
export type HubEnvironment = Readonly<Record<string, string | undefined>>;

/** What authorises a request, and where it comes from, for error messages. */
export interface HubToken {
  readonly value: string;
  readonly source: string;
}

/** Where Hugging Face's own programs keep models, by the same variables. */
export function hubCacheFolder(environment: HubEnvironment): string {
  const { HF_HUB_CACHE, HUGGINGFACE_HUB_CACHE } = environment;
  return expanded(HF_HUB_CACHE || HUGGINGFACE_HUB_CACHE || join(homeFolder(environment), 'hub'), environment);
}

/** Whether the hub is not to be asked. */
export function isOffline({ HF_HUB_OFFLINE, TRANSFORMERS_OFFLINE }: HubEnvironment): boolean {
  return isTrue(HF_HUB_OFFLINE || TRANSFORMERS_OFFLINE);
}

/**
 * The token that huggingface_hub would send: of the environment, else the one that `hf auth login` left; null if there is none,
 * or none is to be sent. Throws a LambdamaxError that names the file if it is there and cannot be read.
 */
export async function hubToken(environment: HubEnvironment): Promise<HubToken | null> {
  if (isTrue(environment.HF_HUB_DISABLE_IMPLICIT_TOKEN)) return null;
  for (const source of ['HF_TOKEN', 'HUGGING_FACE_HUB_TOKEN']) {
    const value = environment[source]?.trim();
    if (value) return { value, source };
  }
  const file = expanded(environment.HF_TOKEN_PATH || join(homeFolder(environment), 'token'), environment);
  try {
    const value = (await readFile(file, 'utf8')).trim();
    return value === '' ? null : { value, source: file };
  } catch (cause) {
    if (['ENOENT', 'ENOTDIR'].includes((cause as NodeJS.ErrnoException).code ?? '')) return null;
    throw fileFault(file, 'a readable token', cause);
  }
}

function homeFolder(environment: HubEnvironment): string {
  const { HF_HOME, XDG_CACHE_HOME } = environment;
  return expanded(HF_HOME || join(XDG_CACHE_HOME || join('~', '.cache'), 'huggingface'), environment);
}

/** A path with the user's home in the place of `~`, and variables in the place of their names, as Python expands it. */
function expanded(path: string, environment: HubEnvironment): string {
  const { HOME, USERPROFILE } = environment;
  return path
    .replace(/^~(?=$|[/\\])/, () => HOME || USERPROFILE || homedir())
    .replace(/\$(?:(\w+)|\{(\w+)\})/g, (text, bare, braced) => environment[bare ?? braced] ?? text);
}

function isTrue(value: string | undefined): boolean {
  return /^(?:1|on|yes|true)$/i.test(value ?? '');
}
