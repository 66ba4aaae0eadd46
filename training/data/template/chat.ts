import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { LambdamaxError } from '../../../errors.ts';
import { chatTemplateFolder } from '../../checkpoint/checkpoint.ts';
import { readJson, readText } from '../../checkpoint/files.ts';
import { compileTemplate, type Rendering } from './jinja.ts';

/** One turn of a conversation; fields beside `role` reach the template as they are. */
export interface ChatMessage {
  /** `system`, `user`, `assistant` or `tool`. */
  readonly role: string;
  /** The text, or its parts, or nothing beside a call of tools. */
  readonly content?: unknown;
  readonly [field: string]: unknown;
}

/** What a template is given beside the messages. */
export interface ChatOptions {
  /** Up to where the assistant's next answer begins. */
  readonly addGenerationPrompt?: boolean;
  /** JSON schemas of the functions that the assistant may call; with them the template called `tool_use`, if there is one. */
  readonly tools?: readonly unknown[] | null;
  /** What the assistant may read. */
  readonly documents?: readonly unknown[] | null;
  /** Variables of the template by name, such as `enable_thinking`. */
  readonly variables?: Readonly<Record<string, unknown>>;
}

/** How a model wants conversations written. */
export interface ChatTemplate {
  /**
   * The text of a conversation, special tokens included. Throws a LambdamaxError that names the template's file if it is broken
   * or refuses the conversation.
   */
  render(messages: readonly ChatMessage[], options?: ChatOptions): string;
  /** The text, and which of it the assistant wrote, if the template says so. Throws as `render`. */
  renderMarked(messages: readonly ChatMessage[], options?: ChatOptions): Rendering;
  /** Whether the template says what the assistant wrote: by `{% generation %}`. */
  marksGenerations(options?: ChatOptions): boolean;
}

/** Templates by name: `default`, `tool_use` and others. */
type Sources = Readonly<Record<string, { readonly file: string; readonly source: unknown }>>;

/**
 * The chat template of a Hugging Face folder: chat_template.jinja and additional_chat_templates/, chat_template.json, or in
 * tokenizer_config.json. Of several the one called `tool_use` where a conversation has tools, else `default`, as transformers
 * chooses. Null if there is none. `settings` are those of tokenizer_config.json.
 */
export async function loadChatTemplate(
  directory: string,
  settings: Readonly<Record<string, unknown>>,
): Promise<ChatTemplate | null> {
  const sources = await findSources(directory, settings);
  return Object.keys(sources).length === 0 ? null : chatTemplate(sources, settings);
}

async function findSources(directory: string, settings: Readonly<Record<string, unknown>>): Promise<Sources> {
  const jinja = join(directory, 'chat_template.jinja');
  const more = join(directory, chatTemplateFolder);
  const named = existsSync(more) ? (await readdir(more)).filter((name) => name.endsWith('.jinja')).sort() : [];
  if (existsSync(jinja) || named.length > 0) {
    const files = [
      ...named.map((name) => ({ name: name.slice(0, -'.jinja'.length), file: join(more, name) })),
      ...(existsSync(jinja) ? [{ name: 'default', file: jinja }] : []),
    ];
    const read = files.map(async ({ name, file }) => [name, { file, source: await readText(file) }] as const);
    return Object.fromEntries(await Promise.all(read));
  }
  const json = join(directory, 'chat_template.json');
  if (existsSync(json)) {
    const value = (await readJson(json)) as { chat_template?: unknown } | null;
    return { default: { file: json, source: value?.chat_template } };
  }
  const file = join(directory, 'tokenizer_config.json');
  const value = settings.chat_template ?? undefined;
  if (value === undefined) return {};
  if (!Array.isArray(value)) return { default: { file, source: value } };
  const several = value as readonly { readonly name?: unknown; readonly template?: unknown }[];
  return Object.fromEntries(several.map((one) => [String(one?.name), { file, source: one?.template }]));
}

function chatTemplate(sources: Sources, settings: Readonly<Record<string, unknown>>): ChatTemplate {
  for (const { file, source } of Object.values(sources))
    if (typeof source !== 'string')
      throw new LambdamaxError({ subject: `chat template in ${file}`, expected: 'a text', got: source });
  const tokens = specialTokens(settings);
  // Parsed when first wanted: a broken one is no matter to those who do not use it.
  const compiled = new Map<string, ReturnType<typeof compileTemplate>>();
  const chosen = ({ tools }: ChatOptions): string => {
    const name = ['tool_use', 'default'].find(
      (one) => Object.hasOwn(sources, one) && (one === 'default' || (tools ?? null) !== null),
    );
    if (name !== undefined) return name;
    const subject = `chat template in ${Object.values(sources)[0]!.file}`;
    const got = Object.keys(sources).join(', ');
    throw new LambdamaxError({ subject, expected: 'one called default', got });
  };
  const renderMarked: ChatTemplate['renderMarked'] = (messages, options = {}) => {
    const name = chosen(options);
    const { file, source } = sources[name]!;
    const { addGenerationPrompt = false, tools = null, documents = null, variables = {} } = options;
    try {
      if (!compiled.has(name)) compiled.set(name, compileTemplate(source as string));
      return compiled.get(name)!({
        ...{ ...tokens, messages, tools, documents, ...variables },
        add_generation_prompt: addGenerationPrompt,
      });
    } catch (cause) {
      const got = (cause as Error).message;
      const subject = `chat template in ${file}`;
      throw new LambdamaxError({ subject, expected: 'a template that takes the conversation', got, cause });
    }
  };
  return {
    render: (messages, options) => renderMarked(messages, options).text,
    renderMarked,
    marksGenerations: (options = {}) => /\{%-?\s*generation\s*-?%\}/.test(sources[chosen(options)]!.source as string),
  };
}

/** bos_token and its like, as texts. */
function specialTokens(settings: Readonly<Record<string, unknown>>): Record<string, string> {
  const entries = Object.entries(settings).flatMap(([name, value]): [string, string][] => {
    const token = (value as { readonly content?: unknown } | null)?.content ?? value;
    return name.endsWith('_token') && typeof token === 'string' ? [[name, token]] : [];
  });
  return Object.fromEntries(entries);
}
