import { LambdamaxError } from '../../errors.ts';
import { requirePythonNumbersIn } from './files/pythonNumbers.ts';
import type { DataRow } from './files/rows.ts';
import { isGiven } from './sequences.ts';
import type { ChatMessage, ChatOptions, ChatTemplate } from './template/chat.ts';

/** The messages of a row, and what its template is given beside them. */
export interface Conversation {
  readonly messages: readonly ChatMessage[];
  /** How many of them are given; what follows is the answer. */
  readonly given: number;
  readonly options: ChatOptions;
  /** Whether a row says what is given and what is the answer: `prompt` and `completion`. */
  readonly isSplit: boolean;
  /** The fields of the row that this is read from. */
  readonly fields: readonly string[];
}

/** Fields that a template is given beside the messages. */
const optionFields = ['tools', 'documents', 'chat_template_kwargs'];

/** Whether a row is a conversation: `messages`, `conversations`, or `prompt` and `completion` as lists of messages. */
export function isChat(row: DataRow): boolean {
  return conversationForm(row) !== undefined;
}

function conversationForm(row: DataRow): 'messages' | 'conversations' | 'prompt' | undefined {
  if (Array.isArray(row.messages)) return 'messages';
  if (Array.isArray(row.conversations)) return 'conversations';
  return Array.isArray(row.prompt) && isGiven(row, 'completion') ? 'prompt' : undefined;
}

/**
 * The conversation of a row: `messages` as in TRL and OpenAI's files; `conversations` with `from` and `value`, as ShareGPT has
 * them; `prompt` and `completion`. Beside it `tools` (schemas, or their JSON), `documents` and `chat_template_kwargs`. With
 * `endsWithAnswer` its last message, or its completion, is the answer. Throws a LambdamaxError that names the row (`subject`).
 */
export function readConversation(row: DataRow, subject: string, endsWithAnswer: boolean): Conversation {
  const form = conversationForm(row)!;
  const fields = [...(form === 'prompt' ? ['prompt', 'completion'] : [form]), ...optionFields];
  const options = readOptions(row, subject);
  if (form === 'prompt') {
    const parts = fields.slice(0, 2).map((field) => readMessages(row[field], `${field} of ${subject}`));
    return { messages: parts.flat(), given: parts[0]!.length, options, isSplit: true, fields };
  }
  const messages = readMessages(row[form], subject);
  const last = messages.at(-1)?.role;
  if (endsWithAnswer && !(last === 'assistant' && messages.length > 1)) {
    const expected = 'messages that end with one of the assistant';
    const remedy = last === undefined || messages.length === 1 ? {} : { remedy: "or `trainOn: 'all'`" };
    throw new LambdamaxError({ subject, expected, got: last ?? 'none', ...remedy });
  }
  return { messages, given: messages.length - 1, options, isSplit: false, fields };
}

/** ShareGPT's names of those who speak; the others are the roles themselves. */
const shareGptRoles: Readonly<Record<string, string>> = { human: 'user', gpt: 'assistant' };
const roles = ['system', 'developer', 'user', 'assistant', 'tool'];

function readMessages(value: unknown, subject: string): ChatMessage[] {
  if (!Array.isArray(value)) throw new LambdamaxError({ subject, expected: 'a list of messages', got: value });
  return value.map((message: unknown, index) => readMessage(message, `message ${index + 1} of ${subject}`));
}

function readMessage(message: unknown, subject: string): ChatMessage {
  const fields = typeof message === 'object' && message !== null ? (message as Record<string, unknown>) : {};
  const { from, value, ...rest } = fields;
  const isShareGpt = typeof from === 'string' && !('role' in fields);
  const named = isShareGpt ? from : fields.role;
  const role = isShareGpt && Object.hasOwn(shareGptRoles, from) ? shareGptRoles[from] : named;
  if (typeof role !== 'string' || !('content' in fields || (isShareGpt && 'value' in fields) || fields.tool_calls)) {
    const expected = 'an object with the texts role and content';
    throw new LambdamaxError({ subject, expected, got: message });
  }
  if (isShareGpt && !roles.includes(role)) {
    const expected = `from: one of human, gpt, ${roles.join(', ')}`;
    throw new LambdamaxError({
      subject,
      expected,
      got: from,
      remedy: 'write what it says as messages with tool_calls',
    });
  }
  const content = isShareGpt ? value : fields.content;
  requireText(content, subject);
  // Other fields reach the template too, as they are: tool_calls, reasoning_content, name, ...
  return { ...(isShareGpt ? rest : fields), role, content };
}

function requireText(content: unknown, subject: string): void {
  if (typeof content === 'string' || content === null || content === undefined) return;
  const parts = Array.isArray(content) && content.length > 0 ? (content as unknown[]) : [content];
  for (const part of parts) {
    const { type, text } = (part ?? {}) as { readonly type?: unknown; readonly text?: unknown };
    if (Array.isArray(content) && type === 'text' && typeof text === 'string') continue;
    const expected = 'a text, or parts { type: "text", text }';
    const got = typeof type === 'string' && type !== 'text' ? `a part of the type ${type}` : part;
    throw new LambdamaxError({ subject: `content of ${subject}`, expected, got });
  }
}

/** What `apply_chat_template` takes for itself, so that a template never sees it. */
const reserved = [
  ...['tools', 'chat_template', 'add_generation_prompt', 'continue_final_message', 'tokenize', 'padding', 'truncation'],
  ...['max_length', 'return_tensors', 'return_dict', 'return_assistant_tokens_mask', 'tokenizer_kwargs'],
];

function readOptions(row: DataRow, subject: string): ChatOptions {
  const variables = row.chat_template_kwargs ?? undefined;
  if (variables !== undefined && (typeof variables !== 'object' || Array.isArray(variables))) {
    const expected = 'an object of variables of the template';
    throw new LambdamaxError({ subject: `chat_template_kwargs of ${subject}`, expected, got: variables });
  }
  const other = Object.keys(variables ?? {}).find((name) => reserved.includes(name));
  if (other !== undefined) {
    const expected = 'variables of the template';
    throw new LambdamaxError({ subject: `chat_template_kwargs of ${subject}`, expected, got: other });
  }
  return {
    tools: readList(row.tools, `tools of ${subject}`),
    documents: readList(row.documents, `documents of ${subject}`),
    ...(variables === undefined ? {} : { variables: variables as Record<string, unknown> }),
  };
}

/** A list of objects, or its JSON, as some data sets store it; null if there is none. */
function readList(value: unknown, subject: string): readonly unknown[] | null {
  if (value === undefined || value === null) return null;
  const list = typeof value === 'string' ? parsed(value, subject) : value;
  if (list === null) return null;
  if (Array.isArray(list) && list.every((one) => typeof one === 'object' && one !== null)) return list;
  throw new LambdamaxError({ subject, expected: 'a list of objects, or its JSON', got: list });
}

function parsed(text: string, subject: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new LambdamaxError({ subject, expected: 'a list of objects, or its JSON', got: text.slice(0, 60), cause });
  }
  requirePythonNumbersIn(text, subject);
  return value;
}

/** The template, or a LambdamaxError that names the row (`subject`) for a model without one. */
export function demandTemplate(template: ChatTemplate | null | undefined, subject: string): ChatTemplate {
  if (template) return template;
  throw new LambdamaxError({
    ...{ subject, expected: 'a model with a chat template', got: 'none in its tokenizer_config.json' },
    remedy: 'use an instruction-tuned model, or put chat_template.jinja into its folder',
  });
}
