import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Template } from '@huggingface/jinja';
import { LambdamaxError } from '../../errors.ts';
import { readJson, readText } from '../checkpoint/files.ts';
import type { TextExample } from './prompts.ts';
import type { DataRow } from './rows.ts';

/** One turn of a conversation. */
export interface ChatMessage {
  /** `system`, `user` or `assistant`. */
  readonly role: string;
  readonly content: string;
}

/** How a model wants conversations written. */
export interface ChatTemplate {
  /**
   * The text of a conversation, special tokens included; with `addGenerationPrompt` up to where the assistant's answer
   * begins. Throws a LambdamaxError that names the template's file if it is broken or refuses the conversation.
   */
  render(messages: readonly ChatMessage[], options?: { readonly addGenerationPrompt?: boolean }): string;
}

/**
 * The chat template of a Hugging Face folder: chat_template.jinja, chat_template.json, or in tokenizer_config.json, the
 * one called `default` where there are several. Null if it has none. `settings` are those of tokenizer_config.json.
 */
export async function loadChatTemplate(
  directory: string,
  settings: Readonly<Record<string, unknown>>,
): Promise<ChatTemplate | null> {
  const jinja = join(directory, 'chat_template.jinja');
  if (existsSync(jinja)) return chatTemplate(jinja, await readText(jinja), settings);
  const json = join(directory, 'chat_template.json');
  if (existsSync(json)) {
    const value = (await readJson(json)) as { chat_template?: unknown } | null;
    return chatTemplate(json, value?.chat_template, settings);
  }
  const source = chooseDefault(settings.chat_template);
  return source === undefined ? null : chatTemplate(join(directory, 'tokenizer_config.json'), source, settings);
}

function chooseDefault(value: unknown): unknown {
  if (!Array.isArray(value)) return value ?? undefined;
  const named = value as readonly { readonly name?: unknown; readonly template?: unknown }[];
  return (named.find((one) => one?.name === 'default') ?? named[0])?.template;
}

function chatTemplate(file: string, source: unknown, settings: Readonly<Record<string, unknown>>): ChatTemplate {
  const subject = `chat template in ${file}`;
  if (typeof source !== 'string') throw new LambdamaxError({ subject, expected: 'a text', got: source });
  const tokens = specialTokens(settings);
  // Parsed when first wanted: a broken one is no matter to those who do not use it.
  let parsed: Template | undefined;
  return {
    render: (messages, { addGenerationPrompt = false } = {}) => {
      try {
        parsed ??= new Template(source);
        return parsed.render({ ...tokens, messages, add_generation_prompt: addGenerationPrompt });
      } catch (cause) {
        const got = (cause as Error).message;
        throw new LambdamaxError({ subject, expected: 'a template that takes the conversation', got, cause });
      }
    },
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

/** Whether a row is a conversation, in the field `messages`. */
export function isChat(row: DataRow): boolean {
  return Array.isArray(row.messages);
}

/**
 * A conversation as an example: all messages but the last, up to where the assistant's answer begins, and that answer
 * with whatever the template puts behind it. Throws a LambdamaxError that names the row (`subject`) for messages that are
 * malformed or do not end with the assistant's, and for a model without a chat template.
 */
export function toChatExample(
  messages: readonly ChatMessage[],
  subject: string,
  template: ChatTemplate | null | undefined,
): TextExample {
  const prompt = toChatPrompt(messages.slice(0, -1), subject, template);
  const whole = template!.render(messages);
  if (!whole.startsWith(prompt))
    throw new LambdamaxError({
      subject,
      expected: 'a chat template under which the whole conversation begins with the prompt',
      got: JSON.stringify(whole.slice(0, 60)),
    });
  return { prompt, response: whole.slice(prompt.length) };
}

/**
 * A conversation up to where the assistant's next answer begins. Throws a LambdamaxError that names the row (`subject`) for a
 * model without a chat template.
 */
export function toChatPrompt(
  messages: readonly ChatMessage[],
  subject: string,
  template: ChatTemplate | null | undefined,
): string {
  if (template) return template.render(messages, { addGenerationPrompt: true });
  throw new LambdamaxError({
    ...{ subject, expected: 'a model with a chat template', got: 'none in its tokenizer_config.json' },
    remedy: 'use an instruction-tuned model, or put chat_template.jinja into its folder',
  });
}

/** The messages of a row that is a conversation; the last one is the assistant's. */
export function readMessages({ messages }: DataRow, subject: string): ChatMessage[] {
  const read = (messages as readonly unknown[]).map((message, index): ChatMessage => {
    const { role, content } = (message ?? {}) as { readonly role?: unknown; readonly content?: unknown };
    if (typeof role === 'string' && typeof content === 'string') return { role, content };
    const expected = 'an object with the texts role and content';
    throw new LambdamaxError({ subject: `message ${index + 1} of ${subject}`, expected, got: message });
  });
  const last = read.at(-1)?.role;
  if (last === 'assistant' && read.length > 1) return read;
  throw new LambdamaxError({ subject, expected: 'messages that end with one of the assistant', got: last ?? 'none' });
}
